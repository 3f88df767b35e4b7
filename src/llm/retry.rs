//! When to try again, and how long to wait before it.

use std::time::{Duration, SystemTime};

use reqwest::{StatusCode, header::HeaderMap};

/// Bounds of the wait before the n-th retry double from here on.
const FIRST: Duration = Duration::from_millis(400);
const LONGEST: Duration = Duration::from_secs(16);

/// Whether a later attempt may fare better.
pub(super) fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 409 | 429) || status.is_server_error()
}

/// The wait before retry `n_tried`, counted from 0: anything up to a bound that doubles ("full jitter", so that clients
/// that failed together don't return together), and no less than the server asked for.
pub(super) fn wait(n_tried: u32, asked: Option<Duration>) -> Duration {
    let bound = FIRST.saturating_mul(2_u32.saturating_pow(n_tried)).min(LONGEST);
    let drawn = bound.mul_f64(rand::random::<f64>());
    drawn.max(asked.unwrap_or_default())
}

/// What the server asks for: `retry-after-ms` in milliseconds, or `Retry-After` in seconds or as an HTTP date.
pub(super) fn asked(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |text: &str| text.parse::<f64>().ok().filter(|it| *it >= 0.0);
    if let Some(milliseconds) = text("retry-after-ms").and_then(number) {
        return Duration::try_from_secs_f64(milliseconds / 1_000.0).ok();
    }
    let after = text("retry-after")?;
    match number(after) {
        Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        None => Some(httpdate::parse_http_date(after).ok()?.duration_since(now).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_its_three_forms() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let later = httpdate::fmt_http_date(now + Duration::from_secs(90));
        let earlier = httpdate::fmt_http_date(now - Duration::from_secs(90));
        for (name, value, expect) in [
            ("retry-after", "2", Some(2_000)),
            ("retry-after", "0.25", Some(250)),
            ("retry-after-ms", "1500", Some(1_500)),
            ("retry-after", later.as_str(), Some(90_000)),
            ("retry-after", earlier.as_str(), Some(0)),
            ("retry-after", "soon", None),
            ("retry-after", "-3", None),
            ("date", "2", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            assert_eq!(asked(&headers, now), expect.map(Duration::from_millis), "{name}: {value}");
        }
    }

    #[test]
    fn a_wait_is_never_shorter_than_asked_nor_longer_than_its_bound() {
        for n_tried in 0..40 {
            assert!(wait(n_tried, None) <= LONGEST);
            assert!(wait(n_tried, Some(Duration::from_secs(20))) >= Duration::from_secs(20));
        }
        assert!(wait(0, None) <= FIRST);
    }
}
