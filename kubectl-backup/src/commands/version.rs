//! `kubectl backup version`

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    apply::velero_version::{VeleroVersion, velero_version},
    args::ReportOutputArgs,
    context::Context,
    error::{Doing as _, Result},
    exit::Exit,
    output::print_object,
};

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup version
  kubectl backup version --client -o json";

/// Show the versions of the plugin, of Kubernetes and of Velero
///
/// Velero is asked by a ServerStatusRequest, which is removed again; when it does not answer, the line says why.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// If true, shows the client version only (no server required)
    #[arg(long)]
    client: bool,
    #[command(flatten)]
    output: ReportOutputArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClientVersion {
    version: &'static str,
    platform: String,
}

impl Args {
    /// Runs the command.
    pub async fn run(self, context: &Context) -> Result<Exit> {
        let client = ClientVersion {
            version: concat!("v", env!("CARGO_PKG_VERSION")),
            platform: format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
        };
        let server = if self.client {
            None
        } else {
            let cluster = context.cluster().await?;
            let server = cluster.client.apiserver_version().await.doing(|| "read the server's version".into())?;
            Some((server.git_version, velero_version(&cluster).await))
        };
        match self.output.format() {
            format if format.is_structured() => {
                let mut object = json!({"clientVersion": client});
                if let Some((server, velero)) = server {
                    object["serverVersion"] = json!({"gitVersion": server});
                    object["veleroVersion"] = match velero {
                        VeleroVersion::Known { version, namespace } => {
                            json!({"gitVersion": version, "namespace": namespace})
                        }
                        VeleroVersion::NotInstalled => Value::Null,
                        VeleroVersion::Unknown(why) => json!({"unknown": why}),
                    };
                }
                print_object(&context.ui, format, &object)?;
            }
            _ => {
                let mut text = format!("Client Version: {}\n", client.version);
                if let Some((server, velero)) = server {
                    let velero = match velero {
                        VeleroVersion::Known { version, namespace } => format!("{version} (namespace {namespace})"),
                        VeleroVersion::NotInstalled => "not installed".to_owned(),
                        VeleroVersion::Unknown(why) => format!("unknown ({why})"),
                    };
                    text.push_str(&format!("Server Version: {server}\nVelero Version: {velero}\n"));
                }
                context.ui.data(&text)?;
            }
        }
        Ok(Exit::Done)
    }
}
