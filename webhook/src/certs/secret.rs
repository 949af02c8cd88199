//! The Secret in which all replicas share one bundle.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};

use super::{
    bundle::{Authority, Bundle},
    rotation::Wish,
};

const CA_CERTIFICATE: &str = "ca.crt";
const CA_KEY: &str = "ca.key";
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const NEXT_CERTIFICATE: &str = "next-ca.crt";
const NEXT_KEY: &str = "next-ca.key";
const PREVIOUS_CERTIFICATE: &str = "previous-ca.crt";
const FIELDS: [&str; 7] = [CA_CERTIFICATE, CA_KEY, CERTIFICATE, KEY, NEXT_CERTIFICATE, NEXT_KEY, PREVIOUS_CERTIFICATE];
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
        let field = |name| String::from_utf8(data.get(name)?.0.clone()).ok();
        let next = field(NEXT_CERTIFICATE).zip(field(NEXT_KEY));
        Some(Bundle {
            authority: Authority { certificate: field(CA_CERTIFICATE)?, key: field(CA_KEY)? },
            certificate: field(CERTIFICATE).unwrap_or_default(),
            key: field(KEY).unwrap_or_default(),
            next: next.map(|(certificate, key)| Authority { certificate, key }),
            previous: field(PREVIOUS_CERTIFICATE),
        })
    }

    /// What an operator asks for.
    pub fn wish(&self) -> Option<Wish> {
        let text = self.0.as_ref()?.metadata.annotations.as_ref()?.get(WISH)?;
        let wish = Wish::read(text);
        if wish.is_none() {
            tracing::warn!(annotation = WISH, "asks for something unknown; write certificate or ca");
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
    let next = bundle.next.as_ref();
    [
        (CA_CERTIFICATE, Some(&bundle.authority.certificate)),
        (CA_KEY, Some(&bundle.authority.key)),
        (CERTIFICATE, Some(&bundle.certificate)),
        (KEY, Some(&bundle.key)),
        (NEXT_CERTIFICATE, next.map(|next| &next.certificate)),
        (NEXT_KEY, next.map(|next| &next.key)),
        (PREVIOUS_CERTIFICATE, bundle.previous.as_ref()),
    ]
    .into_iter()
    .filter_map(|(field, pem)| Some((field.to_owned(), ByteString(pem?.clone().into_bytes()))))
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
        let taken = Bundle { previous: Some(issue().authority.certificate), ..plain.clone() };
        for bundle in [plain, announced, taken] {
            assert!(Stored(Some(new("x", &bundle))).bundle() == Some(bundle));
        }
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
