"""The soak in short."""

from tests.bench.soak.soak import Options, soak, table


def test_nothing_is_left_of_clients_that_came_and_went() -> None:
    report = soak(Options(minutes=1 / 6, clients=4, churning=9, rounds=5))
    assert not report.problems(), table(report)
    assert len(report.came) == 8
    assert all(each.answers for each in report.rounds)
