//! Keys and certificates of one cluster, made anew for each.

use std::fs;
use std::io::Read;
use std::net::IpAddr;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use crate::layout::{Layout, write_private};

/// Makes the authority, the serving and client certificates and the service account keys in `pki/`.
pub(crate) fn make(layout: &Layout, server_addresses: &[IpAddr]) -> Result<()> {
    let folder = layout.folder("pki");
    fs::create_dir_all(&folder)?;

    let authority_key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = named("test cluster authority", None);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    write_private(&layout.ca(), &params.self_signed(&authority_key)?.pem())?;
    let authority = Issuer::new(params, authority_key);

    let mut server = CertificateParams::new(
        ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"].map(String::from).to_vec(),
    )?;
    server.subject_alt_names.extend(server_addresses.iter().map(|address| SanType::IpAddress(*address)));
    server.distinguished_name = named("test cluster server", None);
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf(layout, "server", &server, &authority)?;

    // With it the API server asks the kubelet for logs and exec, and webhooks.
    let mut client = CertificateParams::default();
    client.distinguished_name = named(crate::admission::CALLER, Some("system:masters"));
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    leaf(layout, "kubelet-client", &client, &authority)?;

    let accounts = KeyPair::generate()?;
    write_private(&folder.join("service-accounts.key"), &accounts.serialize_pem())?;
    write_private(&folder.join("service-accounts.pub"), &accounts.public_key_pem())?;
    Ok(())
}

fn named(name: &str, organization: Option<&str>) -> DistinguishedName {
    let mut full = DistinguishedName::new();
    full.push(DnType::CommonName, name);
    if let Some(organization) = organization {
        full.push(DnType::OrganizationName, organization);
    }
    full
}

fn leaf(layout: &Layout, name: &str, params: &CertificateParams, authority: &Issuer<'_, KeyPair>) -> Result<()> {
    let key = KeyPair::generate()?;
    let folder = layout.folder("pki");
    write_private(&folder.join(format!("{name}.crt")), &params.signed_by(&key, authority)?.pem())?;
    write_private(&folder.join(format!("{name}.key")), &key.serialize_pem())
}

/// A fresh secret of 128 bits.
pub(crate) fn secret() -> Result<String> {
    let mut bytes = [0_u8; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("reading randomness")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
