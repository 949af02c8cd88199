//! `kubectl backup version`

use serde::Serialize;
use serde_json::json;

use crate::{
    args::{OutputArgs, OutputFormat},
    cli::Context,
    error::{Doing as _, Result},
    exit::Exit,
    output::print_object,
};

/// Show the version of the plugin and of the server
#[derive(Debug, clap::Args)]
pub struct Args {
    /// If true, shows the client version only (no server required)
    #[arg(long)]
    client: bool,
    #[command(flatten)]
    output: OutputArgs,
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
            Some(cluster.client.apiserver_version().await.doing(|| "read the server's version".into())?.git_version)
        };
        match self.output.format() {
            format @ (OutputFormat::Json | OutputFormat::Yaml) => {
                let mut object = json!({"clientVersion": client});
                if let Some(server) = server {
                    object["serverVersion"] = json!({"gitVersion": server});
                }
                print_object(&context.ui, format, &object)?;
            }
            _ => {
                let mut text = format!("Client Version: {}\n", client.version);
                if let Some(server) = server {
                    text.push_str(&format!("Server Version: {server}\n"));
                }
                context.ui.data(&text)?;
            }
        }
        Ok(Exit::Done)
    }
}
