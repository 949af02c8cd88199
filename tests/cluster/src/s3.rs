//! The S3 server: a folder is a bucket.

use std::fs;

use anyhow::Result;

use crate::address::{Addresses, port};
use crate::layout::{Layout, Request, write_private};
use crate::pki;
use crate::processes::Program;

/// The bucket that Velero's location names.
pub(crate) const BUCKET: &str = "velero";
/// S3 wants one; any does.
pub(crate) const REGION: &str = "us-east-1";

/// The server's URL, for the user's shell and for pods alike.
pub(crate) fn url(addresses: Addresses) -> String {
    format!("http://{}", addresses.at(port::S3))
}

/// The file in which Velero's plugin finds the keys.
pub(crate) fn credentials_file(layout: &Layout) -> std::path::PathBuf {
    layout.folder("s3-credentials")
}

/// Makes the bucket and fresh keys, and says how to start the server.
pub(crate) fn server(layout: &Layout, request: &Request, addresses: Addresses) -> Result<Program> {
    let data = layout.folder("s3");
    fs::create_dir_all(data.join(BUCKET))?;
    let (access, secret) = (pki::secret()?, pki::secret()?);
    write_private(
        &credentials_file(layout),
        &format!("[default]\naws_access_key_id={access}\naws_secret_access_key={secret}\n"),
    )?;
    // Keys go by the environment: arguments are readable by everybody on the machine.
    Ok(Program::new("versitygw", request.program("versitygw", "versitygw")?)
        .env("ROOT_ACCESS_KEY", access)
        .env("ROOT_SECRET_KEY", secret)
        .args([
            format!("--port={}", addresses.at(port::S3)),
            format!("--region={REGION}"),
            "--health=/health".into(),
            "--quiet".into(),
            "posix".into(),
            "--nometa".into(),
            data.display().to_string(),
        ]))
}
