//! Who may call, where API servers show a certificate of their own.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, UnixTime, pem::PemObject},
    server::{
        VerifierBuilderError, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use tokio::time::{MissedTickBehavior, interval};

use crate::certs::{Facts, common_name};

/// How often the file is read. A mounted file changes by a swapped link, which file watches lose sight of.
const POLL: Duration = Duration::from_secs(10);

/// Who may call: whoever shows a certificate of these CAs, and of one of these names when there are any.
pub struct Callers {
    file: PathBuf,
    names: Vec<String>,
    known: ArcSwap<Known>,
}

struct Known {
    text: Vec<u8>,
    verifier: Arc<dyn ClientCertVerifier>,
}

/// The CAs of the callers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CallersError {
    /// The file cannot be read.
    #[error("--client-ca: cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("--client-ca: {} holds no certificates in PEM: {source}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: rustls::pki_types::pem::Error,
    },
    /// A certificate in it is none of a CA.
    #[error("--client-ca: {error}")]
    Authority {
        /// What is wrong.
        #[from]
        error: rustls::Error,
    },
    /// The file holds nothing.
    #[error("--client-ca: {0}")]
    Verifier(#[from] VerifierBuilderError),
}

impl Callers {
    /// Reads the CAs.
    pub async fn load(file: PathBuf, names: Vec<String>) -> Result<Arc<Self>, CallersError> {
        let text = read(&file).await?;
        let known = ArcSwap::from_pointee(Known { verifier: verifier(&text, &file)?, text });
        Ok(Arc::new(Self { file, names, known }))
    }

    /// Reads the CAs again and again, for ever.
    pub async fn follow(self: Arc<Self>) {
        let mut ticks = interval(POLL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.refresh().await {
                Ok(false) => {}
                Ok(true) => tracing::info!(file = %self.file.display(), "took the callers' CAs into use"),
                Err(error) => tracing::error!(%error, "the callers' CAs are not in order; the last good ones stay"),
            }
        }
    }

    async fn refresh(&self) -> Result<bool, CallersError> {
        let text = read(&self.file).await?;
        if text == self.known.load().text {
            return Ok(false);
        }
        self.known.store(Arc::new(Known { verifier: verifier(&text, &self.file)?, text }));
        Ok(true)
    }

    fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.known.load().verifier)
    }

    fn admits(&self, certificate: &CertificateDer<'_>) -> bool {
        let common = common_name(certificate);
        let alternative = Facts::of_der(certificate).map(|facts| facts.names).unwrap_or_default();
        self.names.is_empty() || common.iter().chain(&alternative).any(|name| self.names.contains(name))
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, CallersError> {
    tokio::fs::read(path).await.map_err(|source| CallersError::Read { path: path.to_owned(), source })
}

fn verifier(text: &[u8], path: &Path) -> Result<Arc<dyn ClientCertVerifier>, CallersError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(text) {
        roots.add(certificate.map_err(|source| CallersError::Pem { path: path.to_owned(), source })?)?;
    }
    Ok(WebPkiClientVerifier::builder(Arc::new(roots)).build()?)
}

impl fmt::Debug for Callers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Callers").field("file", &self.file).field("names", &self.names).finish_non_exhaustive()
    }
}

impl ClientCertVerifier for Callers {
    /// None: a caller has one certificate, and hints could not change with the file.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.verifier().verify_client_cert(certificate, intermediates, now)?;
        if self.admits(certificate) {
            Ok(verified)
        } else {
            Err(rustls::CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier().verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier().verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier().supported_verify_schemes()
    }
}
