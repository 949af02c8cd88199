//! What a replica counts about itself.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Values by name with labels, as they are written.
pub type Series = BTreeMap<String, f64>;

const PATIENCE: Duration = Duration::from_secs(2);
const LIMIT: u64 = 4 << 20;

/// Reads /metrics.
pub async fn read(at: SocketAddrV4) -> Result<Series> {
    let answer = async {
        let mut stream = TcpStream::connect(at).await?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: metrics\r\n\r\n").await?;
        let mut text = String::new();
        stream.take(LIMIT).read_to_string(&mut text).await?;
        anyhow::Ok(text)
    };
    Ok(parse(&timeout(PATIENCE, answer).await.context("no answer")??))
}

/// Reads the text of /metrics.
pub fn parse(text: &str) -> Series {
    let body = text.split_once("\r\n\r\n").map_or(text, |(_, body)| body);
    let values = body.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    values.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
}

/// Adds counters.
pub fn add(sum: &mut Series, more: &Series) {
    for (name, value) in more {
        *sum.entry(name.clone()).or_default() += value;
    }
}

/// The sum of all series of that name whose labels contain this text.
pub fn total(series: &Series, name: &str, label: &str) -> f64 {
    let of_name = |key: &str| key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'));
    series.iter().filter(|(key, _)| of_name(key) && key.contains(label)).fold(0.0, |sum, (_, value)| sum + value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_and_summed_by_label() {
        let text = "HTTP/1.0 200 OK\r\na: b\r\n\r\n# TYPE w counter\nw_total{r=\"a b\",o=\"x\"} 2\nw_total{r=\"c\",o=\"x\"} 3\n\
                    w_total{r=\"c\",o=\"y\"} 5\nw_total_more 9\n# EOF\n";
        let mut series = parse(text);
        add(&mut series.clone(), &series);
        assert!((total(&series, "w_total", "o=\"x\"") - 5.0).abs() < f64::EPSILON);
        let more = series.clone();
        add(&mut series, &more);
        assert!((total(&series, "w_total", "") - 20.0).abs() < f64::EPSILON);
    }
}
