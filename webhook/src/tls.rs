//! TLS: one certificate for every name, replaced while connections go on.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use prometheus_client::metrics::gauge::Gauge;
use rustls::{
    ServerConfig,
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::CertifiedKey,
};

use crate::{callers::Callers, certs::Facts, clock::Clock};

/// The certificate in use; new connections get the newest.
#[derive(Debug, Default)]
pub struct Certificate {
    key: ArcSwapOption<CertifiedKey>,
    ends: Gauge,
}

impl Certificate {
    /// None yet; when the one in use ends will be told there.
    pub fn new(ends: Gauge) -> Self {
        Self { key: ArcSwapOption::default(), ends }
    }

    /// Takes a chain and its key, both in PEM, into use.
    pub fn replace(&self, chain: &[u8], key: &[u8]) -> Result<(), CertificateError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>()?;
        let key = any_supported_type(&PrivateKeyDer::from_pem_slice(key)?)?;
        let certified = CertifiedKey::new(chain, key);
        certified.keys_match()?;
        if let Some(facts) = certified.cert.first().and_then(|first| Facts::of_der(first)) {
            self.ends.set(facts.ends.as_second());
        }
        self.key.store(Some(Arc::new(certified)));
        Ok(())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.key.load_full()
    }
}

/// A certificate or a key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The text is not PEM, or holds something else.
    #[error("not a certificate and key in PEM: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// The key is of an unknown kind, or of another certificate.
    #[error("the key does not fit the certificate: {0}")]
    Key(#[from] rustls::Error),
}

/// The server's side of TLS: 1.3 only, which every API server speaks, and HTTP/1.1 only, which is all it uses. Whoever
/// may call is asked for a certificate, when that is limited.
pub fn server_config(certificate: Arc<Certificate>, callers: Option<Arc<Callers>>, clock: Clock) -> ServerConfig {
    let callers: Arc<dyn ClientCertVerifier> = match callers {
        Some(callers) => callers,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let mut config = ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
        .with_client_cert_verifier(callers)
        .with_cert_resolver(certificate);
    config.time_provider = Arc::new(clock);
    // API servers never take a session up again.
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}
