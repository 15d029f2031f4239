"""What a process is set to while it searches."""

import ctypes

from threadpoolctl import threadpool_info

from admire.optimize.surrogates import searching


def test_searching_takes_one_thread_and_gives_them_back():
    def threads():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = threads()
    with searching.searching():
        assert set(threads()) == {1}
    assert threads() == before


def test_searching_works_where_the_c_library_is_another(monkeypatch):
    searching._keep_freed_memory.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    with searching.searching():
        pass
    searching._keep_freed_memory.cache_clear()
