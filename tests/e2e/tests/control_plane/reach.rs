//! A server that cannot be reached, or is slow, ends in a clear error within the time allowed.

use std::{
    io::Read as _,
    net::{TcpListener, TcpStream},
    path::Path,
    time::Duration,
};

use e2e_tests::TestCluster;

#[test]
fn h7_a_server_that_does_not_listen_is_named() {
    let cluster = TestCluster::control_plane();
    // The caller's port of a connection that is open: nobody listens there, and nobody can begin to.
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let open = TcpStream::connect(other.local_addr().unwrap()).unwrap();
    let address = open.local_addr().unwrap();
    let run = cluster.plugin(&["snapshot", "list", "--server", &format!("https://{address}")]).ends_with(1);
    let run = run.says("refused").says("--server");
    assert!(run.took < Duration::from_secs(30), "took {:?}", run.took);
}

#[test]
fn h7_a_server_that_accepts_and_says_nothing_ends_at_the_deadline() {
    let cluster = TestCluster::control_plane();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Takes one connection and reads it until the plugin gives up; never answers.
    let silent = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let run =
        cluster.plugin(&["snapshot", "list", "--server", &format!("http://{address}"), "--request-timeout", "1s"]);
    let run = run.ends_with(124).says("--request-timeout");
    assert!(run.took < Duration::from_secs(30), "took {:?}", run.took);
    silent.join().unwrap();
}

#[test]
fn h7_a_context_is_never_exchanged_for_the_pods_own_cluster() {
    let cluster = TestCluster::control_plane();
    let missing = Path::new("/nonexistent/config");
    let run = cluster.plugin_with(missing, &["snapshot", "list", "--context", "prod"]).ends_with(1);
    run.says("the context \"prod\" does not exist").says("/nonexistent/config");
    // kubectl passes over entries that are missing.
    let list = format!("/nonexistent/config:{}", cluster.cluster().kubeconfig().display());
    cluster.plugin_with(Path::new(&list), &["snapshot", "list"]).ok();
}
