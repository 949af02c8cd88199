//! A CA of the webhook's own and the certificate that it signs.

use std::net::IpAddr;

use jiff::{Span, Timestamp, ToSpan, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, X509Extension},
    prelude::{FromDer, ParsedExtension},
};

/// What is kept in the Secret, in PEM. It has no `Debug`, so that no key is ever printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The CA's certificate: what the API server is told to trust.
    pub ca_certificate: String,
    /// The CA's key, with which any replica can renew the certificate.
    pub ca_key: String,
    /// The server's certificate.
    pub certificate: String,
    /// The server's key.
    pub key: String,
}

/// What a bundle lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// A new certificate of the same CA: this one ends soon, or does not bear all the names.
    Certificate,
    /// A new CA and a new certificate: these cannot be read, or the CA ends soon.
    Everything,
}

/// A certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a certificate: {0}")]
pub struct IssueError(#[from] rcgen::Error);

const CA_NAME: &str = "backup-webhook CA";
const NAME: &str = "backup-webhook";

fn ca_lifetime() -> Span {
    10.years()
}

fn lifetime() -> Span {
    1.year()
}

/// Renewal starts this long before the end.
fn ahead() -> Span {
    90.days()
}

impl Bundle {
    /// Makes a CA and a certificate for these names and addresses.
    pub fn issue(names: &[String], now: Timestamp) -> Result<Self, IssueError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, CA_NAME);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        validity(&mut params, now, ca_lifetime());
        let key = KeyPair::generate()?;
        let ca_certificate = params.self_signed(&key)?.pem();
        Self { ca_certificate, ca_key: key.serialize_pem(), certificate: String::new(), key: String::new() }
            .renewed(names, now)
    }

    /// Makes a new certificate of the same CA. It keeps the names of the present one: a replica with other settings may
    /// need them, and would else renew it in turn, for ever.
    pub fn renewed(self, names: &[String], now: Timestamp) -> Result<Self, IssueError> {
        let mut names: Vec<_> = names.iter().map(|name| canonical(name)).collect();
        let borne = read(&self.certificate, |certificate| borne(certificate).collect::<Vec<_>>()).unwrap_or_default();
        names.extend(borne);
        names.sort();
        names.dedup();
        let issuer = Issuer::from_ca_cert_pem(&self.ca_certificate, KeyPair::from_pem(&self.ca_key)?)?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, NAME);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        validity(&mut params, now, lifetime());
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?.pem();
        Ok(Self { certificate, key: key.serialize_pem(), ..self })
    }

    /// What this bundle lacks to serve these names.
    pub fn need(&self, names: &[String], now: Timestamp) -> Need {
        let keys = (KeyPair::from_pem(&self.ca_key), KeyPair::from_pem(&self.key));
        let ca = read(&self.ca_certificate, |ca| (fresh(ca, now), ca.public_key().raw.to_vec()));
        let (Some((true, ca_public)), (Ok(ca_key), key)) = (ca, keys) else { return Need::Everything };
        if !ca_public.ends_with(ca_key.public_key_raw()) {
            return Need::Everything;
        }
        let usable = read(&self.certificate, |certificate| {
            let bears_all = names.iter().all(|name| borne(certificate).any(|borne| borne == canonical(name)));
            let fits = key.is_ok_and(|key| certificate.public_key().raw.ends_with(key.public_key_raw()));
            fresh(certificate, now) && bears_all && fits
        });
        if usable == Some(true) { Need::Nothing } else { Need::Certificate }
    }
}

fn validity(params: &mut CertificateParams, now: Timestamp, lifetime: Span) {
    let today = now.to_zoned(TimeZone::UTC).date();
    let day = |span: Span| {
        let date = today.saturating_add(span);
        rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    // From yesterday on, for clocks that are behind ours.
    params.not_before = day(-1.day());
    params.not_after = day(lifetime);
}

fn read<T>(pem: &str, look: impl FnOnce(&X509Certificate<'_>) -> T) -> Option<T> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    X509Certificate::from_der(&der).ok().map(|(_, certificate)| look(&certificate))
}

fn fresh(certificate: &X509Certificate<'_>, now: Timestamp) -> bool {
    let validity = certificate.validity();
    let soon = now.to_zoned(TimeZone::UTC).saturating_add(ahead()).timestamp();
    validity.not_before.timestamp() <= now.as_second() && soon.as_second() < validity.not_after.timestamp()
}

/// The names and addresses that a certificate bears, as they are written on the command line.
fn borne(certificate: &X509Certificate<'_>) -> impl Iterator<Item = String> {
    let extensions = certificate.extensions().iter().map(X509Extension::parsed_extension);
    extensions
        .filter_map(|extension| match extension {
            ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
            _ => None,
        })
        .flatten()
        .filter_map(|borne| match borne {
            GeneralName::DNSName(dns) => Some((*dns).to_owned()),
            GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
            _ => None,
        })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// A name as certificates bear it: an IPv6 address has several writings.
fn canonical(name: &str) -> String {
    name.parse::<IpAddr>().map_or_else(|_| name.to_owned(), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-31T12:00:00Z".parse().expect("a time")
    }

    fn names() -> Vec<String> {
        vec!["backup-webhook.system.svc".to_owned(), "127.77.1.1".to_owned()]
    }

    fn later(span: Span) -> Timestamp {
        now().to_zoned(TimeZone::UTC).saturating_add(span).timestamp()
    }

    #[test]
    fn a_new_bundle_lacks_nothing_until_its_certificate_ends_soon() {
        let bundle = Bundle::issue(&names(), now()).expect("a bundle");
        assert_eq!(bundle.need(&names(), now()), Need::Nothing);
        assert_eq!(bundle.need(&names(), later(8.months())), Need::Nothing);
        assert_eq!(bundle.need(&names(), later(10.months())), Need::Certificate);
        assert_eq!(bundle.need(&names(), later(10.years())), Need::Everything);
    }

    #[test]
    fn a_name_that_is_not_borne_needs_a_new_certificate() {
        let bundle = Bundle::issue(&names(), now()).expect("a bundle");
        for name in ["other.svc", "127.77.1.2"] {
            assert_eq!(bundle.need(&[name.to_owned()], now()), Need::Certificate, "{name}");
        }
    }

    #[test]
    fn a_renewed_certificate_has_the_same_ca_and_verifies() {
        let first = Bundle::issue(&names(), now()).expect("a bundle");
        let second = first.clone().renewed(&names(), later(10.months())).expect("a bundle");
        assert!(second.ca_certificate == first.ca_certificate && second.certificate != first.certificate);
        assert_eq!(second.need(&names(), later(10.months())), Need::Nothing);
    }

    /// Two replicas that are called by different names take turns, until nobody lacks anything.
    #[test]
    fn replicas_with_different_names_settle_on_one_certificate() {
        let one = ["backup-webhook.system.svc".to_owned(), "127.77.1.1".to_owned()];
        let other = ["backup-webhook.system.svc".to_owned(), "FD00:0::1".to_owned(), "hook.example".to_owned()];
        let mut bundle = Bundle::issue(&one, now()).expect("a bundle");
        assert_eq!(bundle.need(&other, now()), Need::Certificate);
        bundle = bundle.renewed(&other, now()).expect("a bundle");
        assert_eq!((bundle.need(&one, now()), bundle.need(&other, now())), (Need::Nothing, Need::Nothing));
        let names = read(&bundle.certificate, |certificate| borne(certificate).collect::<Vec<_>>());
        insta::assert_snapshot!(names.expect("a certificate").join(" "), @"127.77.1.1 backup-webhook.system.svc fd00::1 hook.example");
    }

    #[test]
    fn what_cannot_be_read_is_made_anew() {
        let good = Bundle::issue(&names(), now()).expect("a bundle");
        let other = Bundle::issue(&names(), now()).expect("a bundle");
        let need = |bundle: Bundle| bundle.need(&names(), now());
        assert_eq!(need(Bundle { ca_certificate: "x".into(), ..good.clone() }), Need::Everything);
        assert_eq!(need(Bundle { ca_key: other.ca_key, ..good.clone() }), Need::Everything);
        assert_eq!(need(Bundle { certificate: "x".into(), ..good.clone() }), Need::Certificate);
        assert_eq!(need(Bundle { key: other.key, ..good }), Need::Certificate);
    }
}
