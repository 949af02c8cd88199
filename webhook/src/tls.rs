//! TLS: one certificate for every name, replaced while connections go on.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::{
    ServerConfig,
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// The certificate in use; new connections get the newest.
#[derive(Debug, Default)]
pub struct Certificate(ArcSwapOption<CertifiedKey>);

impl Certificate {
    /// Takes a chain and its key, both in PEM, into use.
    pub fn replace(&self, chain: &[u8], key: &[u8]) -> Result<(), CertificateError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>()?;
        let key = any_supported_type(&PrivateKeyDer::from_pem_slice(key)?)?;
        let certified = CertifiedKey::new(chain, key);
        certified.keys_match()?;
        self.0.store(Some(Arc::new(certified)));
        Ok(())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load_full()
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

/// The server's side of TLS: 1.3 only, which every API server speaks, and HTTP/1.1 only, which is all it uses.
pub fn server_config(certificate: Arc<Certificate>) -> ServerConfig {
    let mut config = ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}
