"""The proleptic ISO calendar over all years that an epoch-millisecond long can name; Python's own datetime ends at year 9999."""

from __future__ import annotations

DAY_SECONDS = 86400
_DAYS_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
_MONTH_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_length(year: int, month: int) -> int:
    return 29 if month == 2 and is_leap(year) else _MONTH_LENGTHS[month - 1]


def days_of(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to that date."""
    before = year - 1
    leaps = before // 4 - before // 100 + before // 400
    return before * 365 + leaps + _DAYS_BEFORE_MONTH[month - 1] + (month > 2 and is_leap(year)) + day - 719163


def date_of(days: int) -> tuple[int, int, int]:
    """The (year, month, day) that many days after 1970-01-01."""
    # The year is counted from March, so that the leap day is the last one (the usual civil-from-days method).
    era, day_of_era = divmod(days + 719468, 146097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1


def day_of_year(year: int, month: int, day: int) -> int:
    return _DAYS_BEFORE_MONTH[month - 1] + (month > 2 and is_leap(year)) + day


def weekday(days: int) -> int:
    """The ISO day of the week, Monday 1 to Sunday 7, of a day counted from 1970-01-01 (a Thursday)."""
    return (days + 3) % 7 + 1


def week_of(days: int) -> tuple[int, int]:
    """The ISO (week-based year, week) of a day counted from 1970-01-01."""
    thursday = days - weekday(days) + 4
    year = date_of(thursday)[0]
    return year, (thursday - days_of(year, 1, 1)) // 7 + 1


def days_of_week(year: int, week: int, day: int = 1) -> int:
    """The day, counted from 1970-01-01, of an ISO week-based year, week and weekday."""
    fourth = days_of(year, 1, 4)
    return fourth - weekday(fourth) + 1 + (week - 1) * 7 + day - 1


def weeks_in(year: int) -> int:
    """How many weeks the ISO week-based year has, 52 or 53."""
    return (days_of_week(year + 1, 1) - days_of_week(year, 1)) // 7
