//! A relay between the plugin and the API server that loses answers, as networks do: the request was done, and nobody
//! hears of it. Or it keeps a request back until something else was done first.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{TestCluster, until};

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The connection breaks instead.
    Broken,
    /// It never comes.
    Held,
}

/// A relay that loses the answers to some requests, or keeps one back.
pub struct Relay {
    proxy: Child,
    kubeconfig: tempfile::NamedTempFile,
    answered: Arc<AtomicUsize>,
    gate: Arc<Gate>,
}

/// Keeps the first such request back.
#[derive(Default)]
struct Gate {
    is_wanted: AtomicBool,
    is_reached: AtomicBool,
    is_open: AtomicBool,
}

impl Relay {
    /// Loses the answers to the first `count` requests whose first line contains the text, dry runs aside.
    pub fn start(cluster: &TestCluster, text: &str, count: usize, loss: Loss) -> Self {
        let mut command = cluster.kubectl_again(&["proxy", "--port=0"])();
        let mut proxy = command.stdout(Stdio::piped()).spawn().expect("kubectl proxy starts");
        let mut line = String::new();
        let output = proxy.stdout.take().expect("stdout is piped");
        BufReader::new(output).read_line(&mut line).expect("kubectl proxy says where it listens");
        let upstream = line.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (answered, gate) = (Arc::<AtomicUsize>::default(), Arc::<Gate>::default());
        let rule =
            Rule { text: text.to_owned(), count, loss, answered: Arc::clone(&answered), gate: Arc::clone(&gate) };
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(&upstream).expect("kubectl proxy listens");
                rule.clone().relay(client, server);
            }
        });
        let mut kubeconfig = tempfile::NamedTempFile::new().expect("a temporary file");
        let config = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "relay",
            "clusters": [{"name": "relay", "cluster": {"server": format!("http://127.0.0.1:{port}")}}],
            "users": [{"name": "relay", "user": {}}],
            "contexts": [{"name": "relay", "context": {"cluster": "relay", "user": "relay"}}],
        });
        kubeconfig.write_all(config.to_string().as_bytes()).expect("a temporary file can be written");
        Self { proxy, kubeconfig, answered, gate }
    }

    /// Runs `first` while the first request whose first line contains the text is on its way to the server: it comes after.
    pub fn first<T>(cluster: &TestCluster, text: &str, first: impl FnOnce(), run: impl FnOnce(&Path) -> T + Send) -> T
    where
        T: Send,
    {
        let relay = Self::start(cluster, text, 0, Loss::Broken);
        relay.gate.is_wanted.store(true, Ordering::SeqCst);
        let kubeconfig = relay.kubeconfig();
        thread::scope(|scope| {
            let ran = scope.spawn(|| run(&kubeconfig));
            // It goes on also when this fails, so that nothing waits for it for ever.
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                until("such a request is made", Duration::from_secs(60), || {
                    relay.gate.is_reached.load(Ordering::SeqCst) || ran.is_finished()
                });
                first();
            }));
            relay.gate.is_open.store(true, Ordering::SeqCst);
            let ran = ran.join().unwrap_or_else(|failed| std::panic::resume_unwind(failed));
            done.unwrap_or_else(|failed| std::panic::resume_unwind(failed));
            assert!(relay.gate.is_reached.load(Ordering::SeqCst), "no request has {text:?}");
            ran
        })
    }

    /// The kubeconfig that leads through it.
    pub fn kubeconfig(&self) -> PathBuf {
        self.kubeconfig.path().to_owned()
    }

    /// Waits until so many such requests were answered, heard or not.
    #[track_caller]
    pub fn wait_for_answers(&self, count: usize) {
        until("requests are answered", Duration::from_secs(30), || self.answers() >= count);
    }

    /// How many answers to such requests there were.
    pub fn answers(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // A test that ends needs no more from it.
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
    }
}

impl Gate {
    fn pass(&self) {
        if self.is_wanted.swap(false, Ordering::SeqCst) {
            self.is_reached.store(true, Ordering::SeqCst);
            until("the request may go on", Duration::from_secs(120), || self.is_open.load(Ordering::SeqCst));
        }
    }
}

#[derive(Clone)]
struct Rule {
    text: String,
    count: usize,
    loss: Loss,
    answered: Arc<AtomicUsize>,
    gate: Arc<Gate>,
}

impl Rule {
    /// Carries bytes both ways until one side ends.
    fn relay(self, mut client: TcpStream, mut server: TcpStream) {
        let (mut from_client, mut to_client) =
            (client.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
        let (mut from_server, requests) = (server.try_clone().expect("a socket"), Arc::<AtomicUsize>::default());
        let matched = Arc::clone(&requests);
        let (text, gate) = (self.text.clone(), Arc::clone(&self.gate));
        thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            while let Ok(length @ 1..) = from_client.read(&mut buffer) {
                let request = String::from_utf8_lossy(&buffer[..length]);
                let line = request.lines().next().unwrap_or_default();
                if line.contains(&text) && !line.contains("dryRun") {
                    matched.fetch_add(1, Ordering::SeqCst);
                    gate.pass();
                }
                if server.write_all(&buffer[..length]).is_err() {
                    break;
                }
            }
            let _ = server.shutdown(Shutdown::Both);
        });
        thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            while let Ok(length @ 1..) = from_server.read(&mut buffer) {
                let is_answer = requests.swap(0, Ordering::SeqCst) > 0;
                if is_answer && self.answered.fetch_add(1, Ordering::SeqCst) < self.count {
                    match self.loss {
                        Loss::Broken => break,
                        Loss::Held => continue,
                    }
                }
                if to_client.write_all(&buffer[..length]).is_err() {
                    break;
                }
            }
            let _ = client.shutdown(Shutdown::Both);
            let _ = client.flush();
        });
    }
}
