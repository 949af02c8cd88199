//! Whether a driver is still filling a PVC, by what the provisioner said about it.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;

use super::driver_error;
use crate::facts::events::when;

/// Returns whether the last try is known to have ended without anything going on in the background. While a call may still
/// run, the provisioner needs the snapshot to repeat it: without, nobody learns of the volume that it makes.
pub fn is_over(events: &[Event]) -> bool {
    let last = |kind: Said| events.iter().filter(|event| says(event) == kind).filter_map(when).max();
    let under_way: Option<Timestamp> = last(Said::Passing);
    // An error of the provisioner's own says nothing about a call that was made before.
    let ended = if under_way.is_none() { last(Said::Final).max(last(Said::Own)) } else { last(Said::Final) };
    // Times are whole seconds, and the next try comes a second later at the earliest.
    ended.is_some() && ended > under_way && ended >= last(Said::Begun)
}

#[derive(PartialEq, Eq)]
enum Said {
    Begun,
    Final,
    Passing,
    Own,
    Nothing,
}

fn says(event: &Event) -> Said {
    let message = event.message.as_deref().unwrap_or_default();
    match event.reason.as_deref().unwrap_or_default() {
        "Provisioning" => Said::Begun,
        "ProvisioningFailed" if driver_error::is_passing(message) => Said::Passing,
        "ProvisioningFailed" if message.contains("rpc error: code = ") => Said::Final,
        "ProvisioningFailed" => Said::Own,
        _ => Said::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const REFUSED: &str = "failed to provision volume: rpc error: code = Internal desc = the pool is degraded";
    const SLOW: &str =
        "failed to provision volume: rpc error: code = DeadlineExceeded desc = context deadline exceeded";
    const NO_HANDLE: &str = "error getting handle for DataSource Type VolumeSnapshot by Name s";

    fn over(events: &[(&str, &str, u32)]) -> bool {
        let events: Vec<Event> = events
            .iter()
            .map(|(reason, message, second)| {
                serde_json::from_value(
                    json!({"metadata": {}, "involvedObject": {}, "reason": reason, "message": message,
                    "lastTimestamp": format!("2026-11-21T09:00:{second:02}Z")}),
                )
                .unwrap()
            })
            .collect();
        is_over(&events)
    }

    #[test]
    fn a_refusal_after_the_last_try_ends_it() {
        assert!(over(&[("Provisioning", "", 1), ("ProvisioningFailed", REFUSED, 1)]));
        assert!(over(&[("ProvisioningFailed", SLOW, 3), ("Provisioning", "", 4), ("ProvisioningFailed", REFUSED, 5)]));
        assert!(over(&[("ProvisioningFailed", NO_HANDLE, 5)]));
    }

    #[test]
    fn a_try_that_may_still_run_does_not() {
        assert!(!over(&[]));
        assert!(!over(&[("Provisioning", "", 1)]));
        assert!(!over(&[("ProvisioningFailed", REFUSED, 1), ("Provisioning", "", 2)]));
        assert!(!over(&[("Provisioning", "", 1), ("ProvisioningFailed", SLOW, 3)]));
        assert!(!over(&[("ProvisioningFailed", REFUSED, 3), ("ProvisioningFailed", SLOW, 3)]));
        assert!(!over(&[("ProvisioningFailed", SLOW, 3), ("ProvisioningFailed", NO_HANDLE, 5)]));
        assert!(!over(&[("ExternalProvisioning", "waiting", 5)]));
    }
}
