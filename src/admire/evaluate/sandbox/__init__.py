"""Running programs that a model wrote: bounded, out of reach of what judges them, ended with all that they started.

```
 scorer (lm-eval, torch, the user's environment)
   └─ keeper          clean environment, in bubblewrap or namespaces of its own where the machine has them; one per scorer
        ├─ program    a fork per program: what the model wrote
        └─ judge      a fork per program: the benchmark's check, which asks the program's function over a socket
```

`box.py` is the scorer's side, `isolation.py` finds what the machine offers, `keeper.py` starts, bounds and ends the forks,
`children.py` is what they do, `values.py` what passes between judge and program. docs/security.md says what is prevented
and what is not.
"""
