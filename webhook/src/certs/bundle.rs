//! CAs of the webhook's own and the certificate that one of them signs.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use super::{
    terms::{BACKDATED, Terms},
    x509::{Facts, canonical},
};
use crate::paths::PathSecret;

/// A CA: its certificate and its key, in PEM. It has no `Debug`, so that no key is ever printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Authority {
    /// What the API server is told to trust.
    pub certificate: String,
    /// With it any replica can renew the server's certificate.
    pub key: String,
    /// Behind `/validate` and `/mutate`, while this CA signs.
    pub path: PathSecret,
}

/// What is left of the CA that signed before: API servers may meet a replica that still serves by it, or call as they were
/// told with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Previous {
    /// Its certificate.
    pub certificate: String,
    /// The path that went with it.
    pub path: PathSecret,
}

/// All that replicas share, in PEM. It has no `Debug`, so that no key is ever printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The CA that signs.
    pub authority: Authority,
    /// The server's certificate.
    pub certificate: String,
    /// The server's key.
    pub key: String,
    /// The CA that will sign once every API server trusts it.
    pub next: Option<Authority>,
    /// The CA that signed before.
    pub previous: Option<Previous>,
}

/// A CA, its path or a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// No certificate.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// No path.
    #[error("cannot make a path that nobody guesses: the system gives no randomness")]
    Path,
}

impl From<rustls::crypto::GetRandomFailed> for IssueError {
    fn from(_: rustls::crypto::GetRandomFailed) -> Self {
        Self::Path
    }
}

const CA_NAME: &str = "backup-webhook CA";
const NAME: &str = "backup-webhook";

impl Authority {
    /// Makes a CA.
    pub fn issue(terms: &Terms, now: Timestamp) -> Result<Self, IssueError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, CA_NAME);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        validity(&mut params, now, terms.authority());
        let key = KeyPair::generate()?;
        let path = PathSecret::generate()?;
        Ok(Self { certificate: params.self_signed(&key)?.pem(), key: key.serialize_pem(), path })
    }

    /// What is left of it once another signs.
    pub fn into_previous(self) -> Previous {
        Previous { certificate: self.certificate, path: self.path }
    }

    /// What is to be known of its certificate, when that can be read, holds, and is the key's.
    pub fn facts(&self, now: Timestamp) -> Option<Facts> {
        let facts = Facts::of_pem(self.certificate.as_bytes())?;
        let key = KeyPair::from_pem(&self.key).ok()?;
        (facts.holds(now) && facts.key.ends_with(key.public_key_raw())).then_some(facts)
    }
}

impl Bundle {
    /// Makes a CA and a certificate for these names and addresses.
    pub fn issue(names: &[String], terms: &Terms, now: Timestamp) -> Result<Self, IssueError> {
        let authority = Authority::issue(terms, now)?;
        Self { authority, certificate: String::new(), key: String::new(), next: None, previous: None }
            .renewed(names, terms, now)
    }

    /// Makes a new certificate of the same CA. It keeps the names of the present one: a replica with other settings may
    /// need them, and would else renew it in turn, for ever.
    pub fn renewed(self, names: &[String], terms: &Terms, now: Timestamp) -> Result<Self, IssueError> {
        let mut names: Vec<_> = names.iter().map(|name| canonical(name)).collect();
        names.extend(Facts::of_pem(self.certificate.as_bytes()).map(|facts| facts.names).unwrap_or_default());
        names.sort();
        names.dedup();
        let Authority { certificate: ca, key: ca_key, .. } = &self.authority;
        let issuer = Issuer::from_ca_cert_pem(ca, KeyPair::from_pem(ca_key)?)?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, NAME);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        validity(&mut params, now, terms.certificate());
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?.pem();
        Ok(Self { certificate, key: key.serialize_pem(), ..self })
    }

    /// What is to be known of the server's certificate, when that can be read, holds, and is the key's.
    pub fn facts(&self, now: Timestamp) -> Option<Facts> {
        let facts = Facts::of_pem(self.certificate.as_bytes())?;
        let key = KeyPair::from_pem(&self.key).ok()?;
        (facts.holds(now) && facts.key.ends_with(key.public_key_raw())).then_some(facts)
    }

    /// Whom API servers shall trust: the CA that signs, the next and the previous. The order depends on nothing but
    /// their texts, so that a CA which changes its part changes nothing here.
    pub fn trusted(&self) -> String {
        let next = self.next.as_ref().map(|next| next.certificate.as_str());
        let mut all = vec![self.authority.certificate.as_str()];
        all.extend(next.into_iter().chain(self.previous.as_ref().map(|previous| previous.certificate.as_str())));
        all.sort_unstable();
        all.dedup();
        all.concat()
    }

    /// By which paths API servers may call: as they are told, as they will be, and as they were.
    pub fn paths(&self) -> Vec<PathSecret> {
        let next = self.next.as_ref().map(|next| &next.path);
        let previous = self.previous.as_ref().map(|previous| &previous.path);
        [Some(&self.authority.path), next, previous].into_iter().flatten().cloned().collect()
    }
}

fn validity(params: &mut CertificateParams, now: Timestamp, lifetime: SignedDuration) {
    let begins = now.checked_sub(BACKDATED).unwrap_or(now).to_zoned(TimeZone::UTC);
    // rcgen's type of time is made from a date, and takes what is to be added to it.
    let midnight =
        rcgen::date_time_ymd(begins.year().into(), begins.month().unsigned_abs(), begins.day().unsigned_abs());
    let since_midnight =
        Duration::from_secs(u64::try_from(begins.timestamp().as_second().rem_euclid(86_400)).unwrap_or(0));
    params.not_before = midnight + since_midnight;
    params.not_after = params.not_before + BACKDATED.unsigned_abs() + lifetime.unsigned_abs();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-31T12:34:56Z".parse().expect("a time")
    }

    fn names() -> Vec<String> {
        vec!["backup-webhook.system.svc".to_owned(), "127.77.1.1".to_owned()]
    }

    fn issue() -> Bundle {
        Bundle::issue(&names(), &Terms::usual(), now()).expect("a bundle")
    }

    #[test]
    fn certificates_hold_from_a_day_ago_for_their_lifetime() {
        let bundle = issue();
        let facts = bundle.facts(now()).expect("a certificate");
        assert_eq!(
            (facts.begins.to_string(), facts.ends.to_string()),
            ("2026-01-30T12:34:56Z".into(), "2026-05-01T12:34:56Z".into())
        );
        assert!(facts.bears(&names()) && !facts.bears(&["other.svc".to_owned()]));
        let authority = bundle.authority.facts(now()).expect("a certificate");
        assert_eq!(authority.ends.duration_since(now()), 3600 * SignedDuration::from_hours(24));
    }

    #[test]
    fn what_is_of_another_key_or_another_time_is_nothing() {
        let (one, other) = (issue(), issue());
        assert!(Bundle { key: other.key, ..one.clone() }.facts(now()).is_none());
        assert!(Authority { key: other.authority.key, ..one.authority.clone() }.facts(now()).is_none());
        let later = |days: i64| now() + SignedDuration::from_hours(24 * days);
        assert!(one.facts(later(89)).is_some() && one.facts(later(90)).is_none() && one.facts(later(-2)).is_none());
    }

    /// Two replicas that are called by different names take turns, until nobody lacks anything.
    #[test]
    fn a_renewed_certificate_has_the_same_ca_and_the_names_of_the_one_before() {
        let other = ["backup-webhook.system.svc".to_owned(), "FD00:0::1".to_owned(), "hook.example".to_owned()];
        let (first, later) = (issue(), now() + SignedDuration::from_hours(1));
        let second = first.clone().renewed(&other, &Terms::usual(), later).expect("a bundle");
        assert!(second.authority == first.authority && second.certificate != first.certificate);
        let facts = second.facts(later).expect("a certificate");
        assert!(facts.bears(&names()) && facts.bears(&other));
        insta::assert_snapshot!(facts.names.join(" "), @"127.77.1.1 backup-webhook.system.svc fd00::1 hook.example");
    }

    #[test]
    fn who_is_trusted_depends_on_no_order() {
        let (old, new) = (issue(), issue());
        let announced = Bundle { next: Some(new.authority.clone()), ..old.clone() };
        let taken = Bundle { previous: Some(old.authority.clone().into_previous()), ..new.clone() };
        assert_eq!(announced.trusted(), taken.trusted());
        assert_eq!(announced.trusted().matches("BEGIN CERTIFICATE").count(), 2);
        assert_eq!(new.trusted(), new.authority.certificate);
    }
}
