//! Reading certificates.

use std::net::IpAddr;

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, X509Extension},
    prelude::{FromDer, ParsedExtension},
};

/// What is to be known of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The names and addresses that it bears, as they are written on the command line.
    pub names: Vec<String>,
    /// From when it holds.
    pub begins: Timestamp,
    /// Until when it holds.
    pub ends: Timestamp,
    /// The public key, with its description.
    pub key: Vec<u8>,
}

impl Facts {
    /// Reads the first certificate of a text.
    pub fn of_pem(pem: &[u8]) -> Option<Self> {
        Self::of_der(&CertificateDer::from_pem_slice(pem).ok()?)
    }

    /// Reads a certificate.
    pub fn of_der(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        Some(Self {
            names: borne(&certificate).collect(),
            begins: Timestamp::from_second(validity.not_before.timestamp()).ok()?,
            ends: Timestamp::from_second(validity.not_after.timestamp()).ok()?,
            key: certificate.public_key().raw.to_vec(),
        })
    }

    /// Whether the certificate holds at that time.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.begins <= now && now < self.ends
    }

    /// Whether it bears all these names.
    pub fn bears(&self, names: &[String]) -> bool {
        names.iter().all(|name| self.names.contains(&canonical(name)))
    }
}

/// A name as certificates bear it: an IPv6 address has several writings.
pub fn canonical(name: &str) -> String {
    name.parse::<IpAddr>().map_or_else(|_| name.to_owned(), |address| address.to_string())
}

/// The common name of a certificate's subject.
pub fn common_name(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    certificate.subject().iter_common_name().next()?.as_str().ok().map(str::to_owned)
}

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
