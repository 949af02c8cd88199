//! A certificate that somebody else keeps in files, as cert-manager does.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    health::Health,
    tls::{Certificate, CertificateError},
};

/// How often the files are read. A mounted Secret changes by a swapped link, which file watches lose sight of.
const POLL: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// Reads the files for ever, and takes into use what changed. A pair that does not fit is left for the next look.
pub async fn follow(chain: PathBuf, key: PathBuf, certificate: Arc<Certificate>, health: Arc<Health>) {
    let mut ticks = interval(POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = None;
    loop {
        ticks.tick().await;
        match refresh(&chain, &key, &certificate, known.as_ref()).await {
            Ok(digest) => {
                if known.as_ref() != Some(&digest) {
                    tracing::info!(chain = %chain.display(), "took a certificate into use");
                }
                known = Some(digest);
                health.set_certificate();
            }
            Err(error) => tracing::error!(%error, "the certificate's files are not in order"),
        }
    }
}

type Fingerprint = [u8; 32];

async fn refresh(
    chain: &Path,
    key: &Path,
    certificate: &Certificate,
    known: Option<&Fingerprint>,
) -> Result<Fingerprint, FileError> {
    let (chain, key) = (read(chain).await?, read(key).await?);
    let digest = Sha256::new().chain_update(&chain).chain_update([0]).chain_update(&key).finalize().into();
    if known != Some(&digest) {
        certificate.replace(&chain, &key)?;
    }
    Ok(digest)
}

async fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    tokio::fs::read(path).await.map_err(|source| FileError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;
    use crate::certs::{Bundle, Terms};

    fn write(folder: &Path, name: &str) -> Bundle {
        let bundle =
            Bundle::issue(&[name.to_owned()], &Terms::usual(), "2026-01-31T12:00:00Z".parse().expect("a time"))
                .expect("a bundle");
        fs::create_dir(folder).expect("a folder");
        fs::write(folder.join("tls.crt"), &bundle.certificate).expect("a file");
        fs::write(folder.join("tls.key"), &bundle.key).expect("a file");
        bundle
    }

    /// As the kubelet does it: the files are links through `..data`, which is swapped as a whole.
    #[tokio::test]
    async fn a_swapped_secret_is_taken_into_use_and_half_a_pair_is_not() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        write(&at("..1"), "one.svc");
        let second = write(&at("..2"), "two.svc");
        symlink("..1", at("..data")).expect("a link");
        for name in ["tls.crt", "tls.key"] {
            symlink(Path::new("..data").join(name), at(name)).expect("a link");
        }
        let certificate = Certificate::default();
        let look = async |known| refresh(&at("tls.crt"), &at("tls.key"), &certificate, known).await;
        let first = look(None).await.expect("a certificate");
        assert_eq!(look(Some(&first)).await.expect("the same"), first);
        symlink("..2", at("..tmp")).expect("a link");
        fs::rename(at("..tmp"), at("..data")).expect("a swap");
        assert_ne!(look(Some(&first)).await.expect("another"), first);
        fs::write(at("..1").join("tls.crt"), second.certificate).expect("a file");
        symlink("..1", at("..tmp")).expect("a link");
        fs::rename(at("..tmp"), at("..data")).expect("a swap");
        assert!(matches!(look(Some(&first)).await, Err(FileError::Certificate(_))));
    }
}
