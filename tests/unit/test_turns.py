"""Where several workers run tests, files that wait for chains and files that compute take turns, and none is lost."""

from tests import turns


def test_files_that_compute_stand_between_those_that_wait_and_stay_whole() -> None:
    waiting = [f"tests/e2e/test_{name}.py::test_{number}" for name in "abc" for number in range(2)]
    computing = [f"tests/unit/core/test_{name}.py::test_{number}[::]" for name in "defghij" for number in range(3)]
    found = turns.in_turns((id_, id_) for id_ in [*waiting, *computing])
    files = list(dict.fromkeys(id_.split("::")[0].rsplit("_", 1)[1][0] for id_ in found))
    assert "".join(files) == "adebfgchij"
    assert sorted(found) == sorted([*waiting, *computing])
    assert [id_ for id_ in found if "test_d" in id_] == computing[:3]


def test_whatever_there_is_of_either_kind_none_is_lost() -> None:
    for waits, computes in ((0, 3), (3, 0), (2, 1), (0, 0)):
        ids = [f"tests/port/test_{n}.py::t" for n in range(waits)]
        ids += [f"tests/unit/test_{n}.py::t" for n in range(computes)]
        assert sorted(turns.in_turns((id_, id_) for id_ in ids)) == sorted(ids)
