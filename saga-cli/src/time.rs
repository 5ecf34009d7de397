//! Times and durations as people write and read them.

use std::time::Duration;

use saga::Timestamp;

/// `90s`, `15m`, `2h`, `7d` or `500ms`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time span: write 500ms, 90s, 15m, 2h or 7d");
    let split = text.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(millis).map(Duration::from_millis).ok_or_else(wrong)
}

/// A point in time: `2026-11-24`, `2026-11-24T13:24:00Z`, or how long ago, `2h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    At(Timestamp),
    Ago(Duration),
}

impl When {
    pub(crate) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(span) => before(now, span),
        }
    }
}

/// The time `span` before `now`.
pub(crate) fn before(now: Timestamp, span: Duration) -> Timestamp {
    let span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(now.as_micros().saturating_sub(span))
}

pub(crate) fn parse_when(text: &str) -> Result<When, String> {
    if let Ok(span) = parse_duration(text) {
        return Ok(When::Ago(span));
    }
    parse_rfc3339(text).map(When::At).ok_or_else(|| {
        format!("`{text}` is no time: write 2026-11-24, 2026-11-24T13:24:00Z, or how long ago, such as 2h")
    })
}

/// UTC only.
fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, time.strip_suffix('Z')?),
        None => (text, "00:00:00"),
    };
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = clock.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day) && (0..=9_999).contains(&year);
    let is_time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !(is_date && is_time && is_fraction) {
        return None;
    }
    let micros: i64 = format!("{fraction:0<6}")[..6].parse().ok()?;
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(Timestamp::from_micros(seconds * 1_000_000 + micros))
}

/// Days since 1970-01-01. Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted_month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// A span in its two largest units, or less: `2h05m`, `41s`, `320ms`.
pub(crate) fn short(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 => format!("{}ms", span.as_millis()),
        1..10 => format!("{:.1}s", span.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// A time to the second, in UTC.
pub(crate) fn second(at: Timestamp) -> String {
    let text = at.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{}Z", seconds.replace('T', " ")),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_printed() {
        for micros in [0, 1_709_210_096_000_007, 951_782_400_000_000, 4_102_444_799_999_999] {
            let at = Timestamp::from_micros(micros);
            assert_eq!(parse_when(&at.to_string()), Ok(When::At(at)));
        }
        assert_eq!(parse_when("1970-01-02"), Ok(When::At(Timestamp::from_micros(86_400_000_000))));
        assert_eq!(parse_when("2h"), Ok(When::Ago(Duration::from_hours(2))));
        for wrong in ["", "soon", "2h30", "2026-13-01", "2026-01-01T25:00:00Z", "2026-01-01T00:00:00", "-5m"]
        {
            assert!(parse_when(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn spans_are_short() {
        let shown = [0, 320, 1_500, 41_000, 65_000, 7_500_000, 90_000_000]
            .map(|millis| short(Duration::from_millis(millis)));
        assert_eq!(shown, ["0ms", "320ms", "1.5s", "41s", "1m05s", "2h05m", "1d01h"]);
    }
}
