//! What is logged.

use super::*;

/// What is logged may be read by many; what is in an object need not be.
#[test]
fn logs_hold_nothing_of_the_objects() {
    #[derive(Clone, Default)]
    struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);
    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let secret = "s3cr3t";
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let mut pod = pod(&format!("{secret}, data"));
    pod["metadata"]["labels"] = json!({secret: secret});
    pod["metadata"]["annotations"][secret] = json!(secret);
    pod["spec"]["volumes"][0] = json!({"name": secret, "configMap": {"name": secret}});
    pod["spec"]["containers"] = json!([{"name": "c", "env": [{"name": "PASSWORD", "value": secret}]}]);
    let mut backup =
        json!({"kind": "Backup", "metadata": {"name": "x", "labels": {secret: secret}}, "spec": {"ttl": secret}});
    backup["spec"]["storageLocation"] = json!(secret);
    let marked = json!({"kubectl-backup.dev/quota-exempt": secret});
    let mut bodies = vec![
        review(PODS, "CREATE", "ann", &pod, &Value::Null).to_string(),
        review(PODS, "UPDATE", "ann", &pod, &backup).to_string(),
        review(("velero.io", "backups", "Backup"), "CREATE", "ann", &backup, &Value::Null).to_string(),
        review(SNAPSHOTS, "CREATE", "ann", &snapshot(&marked), &Value::Null).to_string(),
        json!({"request": {"uid": "u", "operation": secret}}).to_string(),
        json!({"request": {"uid": "u", "kind": secret}}).to_string(),
        json!({"request": secret}).to_string(),
        format!("{{\"request\": {secret}}}"),
        secret.to_owned(),
    ];
    bodies.extend(bodies.clone().into_iter().map(|body| body[..body.len() / 2].to_owned()));
    let ask_all = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (router, _) = server();
            for path in ["/validate", "/mutate"] {
                for body in &bodies {
                    let mut asked = question(Body::from(body.clone()));
                    *asked.uri_mut() = path.parse().expect("a path");
                    router.clone().oneshot(asked).await.expect("an answer");
                }
            }
        });
    };
    tracing::subscriber::with_default(subscriber, || {
        // An event that another test's thread meets first is remembered as one that nobody wants: meet all of
        // them, have that forgotten, then look.
        ask_all();
        tracing::callsite::rebuild_interest_cache();
        lines.0.lock().expect("a lock").clear();
        ask_all();
    });
    let logged = String::from_utf8(lines.0.lock().expect("a lock").clone()).expect("text");
    assert!(logged.matches("\"answered\"").count() >= 8 && logged.contains("malformed review"), "{logged}");
    let leak: Vec<_> = logged.lines().filter(|line| line.contains(secret)).collect();
    assert!(leak.is_empty(), "{leak:#?}");
}
