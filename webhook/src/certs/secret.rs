//! The Secret in which all replicas share one bundle.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};

use super::{
    bundle::{Authority, Bundle, Previous},
    rotation::Wish,
};
use crate::paths::PathSecret;

const CA_CERTIFICATE: &str = "ca.crt";
const CA_KEY: &str = "ca.key";
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const NEXT_CERTIFICATE: &str = "next-ca.crt";
const NEXT_KEY: &str = "next-ca.key";
const PREVIOUS_CERTIFICATE: &str = "previous-ca.crt";
/// The parts of paths that go with the CAs.
const PATH: &str = "path";
const NEXT_PATH: &str = "next-path";
const PREVIOUS_PATH: &str = "previous-path";
const FIELDS: [&str; 10] = [
    CA_CERTIFICATE,
    CA_KEY,
    PATH,
    CERTIFICATE,
    KEY,
    NEXT_CERTIFICATE,
    NEXT_KEY,
    NEXT_PATH,
    PREVIOUS_CERTIFICATE,
    PREVIOUS_PATH,
];
/// The annotation with which an operator asks for a rotation.
const WISH: &str = "kubectl-backup.dev/rotate";

/// The Secret could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep the certificate in Secret {name}: {source}; check that the manifests are applied")]
pub struct SecretError {
    name: String,
    source: Box<kube::Error>,
}

/// The Secret of that name.
pub struct Store {
    secrets: Api<Secret>,
    name: String,
}

impl Store {
    /// The Secret of that name, there or not.
    pub fn new(secrets: Api<Secret>, name: String) -> Self {
        Self { secrets, name }
    }

    /// Reads it.
    pub async fn read(&self) -> Result<Stored, SecretError> {
        self.secrets.get_opt(&self.name).await.map(Stored).map_err(|source| self.failed(source))
    }

    /// Puts another bundle in the place of what was read. The first of several replicas wins: false, when it was another.
    /// What an operator asked for is done with it when `granted`.
    pub async fn write(&self, stored: Stored, bundle: &Bundle, granted: bool) -> Result<bool, SecretError> {
        // A replace carries the resource version that was read, so that it fails where another replica was faster.
        let written = match stored.0 {
            Some(mut secret) => {
                let fields = secret.data.get_or_insert_default();
                fields.retain(|field, _| !FIELDS.contains(&field.as_str()));
                fields.append(&mut data(bundle));
                if granted && let Some(annotations) = &mut secret.metadata.annotations {
                    annotations.remove(WISH);
                }
                self.secrets.replace(&self.name, &PostParams::default(), &secret).await
            }
            None => self.secrets.create(&PostParams::default(), &new(&self.name, bundle)).await,
        };
        match written {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => Ok(false),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn failed(&self, source: kube::Error) -> SecretError {
        SecretError { name: self.name.clone(), source: Box::new(source) }
    }
}

/// The Secret as it was read; none when there is none.
pub struct Stored(Option<Secret>);

impl Stored {
    /// The bundle in it, when it is one.
    pub fn bundle(&self) -> Option<Bundle> {
        let data = self.0.as_ref()?.data.as_ref()?;
        let field = |name: &str| String::from_utf8(data.get(name)?.0.clone()).ok();
        let path = |name: &str| PathSecret::stored(&field(name)?);
        let authority = |[certificate, key, secret]: [&str; 3]| {
            Some(Authority { certificate: field(certificate)?, key: field(key)?, path: path(secret)? })
        };
        let previous = field(PREVIOUS_CERTIFICATE).zip(path(PREVIOUS_PATH));
        Some(Bundle {
            authority: authority([CA_CERTIFICATE, CA_KEY, PATH])?,
            certificate: field(CERTIFICATE).unwrap_or_default(),
            key: field(KEY).unwrap_or_default(),
            next: authority([NEXT_CERTIFICATE, NEXT_KEY, NEXT_PATH]),
            previous: previous.map(|(certificate, path)| Previous { certificate, path }),
        })
    }

    /// What an operator asks for.
    pub fn wish(&self) -> Option<Wish> {
        let text = self.0.as_ref()?.metadata.annotations.as_ref()?.get(WISH)?;
        let wish = Wish::read(text);
        if wish.is_none() {
            tracing::warn!(annotation = WISH, "asks for something unknown; write certificate, ca or path");
        }
        wish
    }
}

fn new(name: &str, bundle: &Bundle) -> Secret {
    Secret {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        data: Some(data(bundle)),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    }
}

fn data(bundle: &Bundle) -> BTreeMap<String, ByteString> {
    let (next, previous) = (bundle.next.as_ref(), bundle.previous.as_ref());
    [
        (CA_CERTIFICATE, Some(bundle.authority.certificate.as_str())),
        (CA_KEY, Some(&bundle.authority.key)),
        (PATH, Some(bundle.authority.path.reveal())),
        (CERTIFICATE, Some(&bundle.certificate)),
        (KEY, Some(&bundle.key)),
        (NEXT_CERTIFICATE, next.map(|next| next.certificate.as_str())),
        (NEXT_KEY, next.map(|next| next.key.as_str())),
        (NEXT_PATH, next.map(|next| next.path.reveal())),
        (PREVIOUS_CERTIFICATE, previous.map(|previous| previous.certificate.as_str())),
        (PREVIOUS_PATH, previous.map(|previous| previous.path.reveal())),
    ]
    .into_iter()
    .filter_map(|(field, text)| Some((field.to_owned(), ByteString(text?.as_bytes().to_vec()))))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certs::Terms;

    fn issue() -> Bundle {
        let now = "2026-01-31T12:00:00Z".parse().expect("a time");
        Bundle::issue(&["a.svc".to_owned()], &Terms::usual(), now).expect("a bundle")
    }

    #[test]
    fn a_bundle_survives_its_secret_in_every_state_of_a_rotation() {
        let plain = issue();
        let announced = Bundle { next: Some(issue().authority), ..plain.clone() };
        let taken = Bundle { previous: Some(issue().authority.into_previous()), ..plain.clone() };
        for bundle in [plain, announced, taken] {
            assert!(Stored(Some(new("x", &bundle))).bundle() == Some(bundle));
        }
        let mut without_path = new("x", &issue());
        without_path.data.as_mut().expect("it has data").remove(PATH);
        assert!(Stored(Some(without_path)).bundle().is_none(), "made anew, with a path");
        assert!(Stored(None).bundle().is_none() && Stored(Some(Secret::default())).bundle().is_none());
    }

    #[test]
    fn an_annotation_is_a_wish() {
        let asked = |text: &str| {
            let annotations = Some([(WISH.to_owned(), text.to_owned())].into());
            Stored(Some(Secret { metadata: ObjectMeta { annotations, ..ObjectMeta::default() }, ..Secret::default() }))
                .wish()
        };
        assert_eq!((asked("ca"), asked("all")), (Some(Wish::Authority), None));
    }
}
