"""Runs programs that a model wrote, within limits and apart from the check that judges them, and ends all their processes.

```
 scorer (lm-eval, torch, the user's environment)
   └─ keeper          clean environment, in bubblewrap or namespaces of its own if the machine has them; one per scorer
        ├─ program    a fork per program, which runs what the model wrote
        └─ judge      a fork per program, which runs the benchmark's check and calls the program's function over a socket
```

`box.py` is the scorer's side. `isolation.py` finds the best isolation that the machine has. `keeper.py` starts, limits and ends the
forks; `children.py` is their code, and `values.py` the format of values between judge and program. docs/security.md lists what is
prevented and what is not.
"""
