//! Kubeconfig files.

use std::path::Path;

/// One API server to be named in a kubeconfig.
pub(crate) struct Server {
    pub context: String,
    pub url: String,
}

/// The file for one user: a context per API server, the first one current.
pub(crate) fn render(servers: &[Server], ca: &Path, user: &str, token: &str) -> String {
    use std::fmt::Write;
    let mut text = String::from("apiVersion: v1\nkind: Config\nclusters:\n");
    // JSON strings are YAML strings, whatever is in them.
    let quote = |text: &str| serde_json::Value::from(text).to_string();
    let ca = quote(&ca.display().to_string());
    for Server { context, url } in servers {
        let _ = writeln!(text, "- name: {context}\n  cluster:\n    server: {url}\n    certificate-authority: {ca}");
    }
    text.push_str("contexts:\n");
    for Server { context, .. } in servers {
        let _ = writeln!(text, "- name: {context}\n  context:\n    cluster: {context}\n    user: {}", quote(user));
    }
    let _ = writeln!(text, "users:\n- name: {}\n  user:\n    token: {}", quote(user), quote(token));
    if let Some(Server { context, .. }) = servers.first() {
        let _ = writeln!(text, "current-context: {context}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_per_server_the_first_is_current() {
        let servers =
            ["one", "one-2"].map(|context| Server { context: context.into(), url: format!("https://{context}") });
        insta::assert_snapshot!(render(&servers, Path::new("/ca \"1\".crt"), "system:node:x", "secret"), @r#"
        apiVersion: v1
        kind: Config
        clusters:
        - name: one
          cluster:
            server: https://one
            certificate-authority: "/ca \"1\".crt"
        - name: one-2
          cluster:
            server: https://one-2
            certificate-authority: "/ca \"1\".crt"
        contexts:
        - name: one
          context:
            cluster: one
            user: "system:node:x"
        - name: one-2
          context:
            cluster: one-2
            user: "system:node:x"
        users:
        - name: "system:node:x"
          user:
            token: "secret"
        current-context: one
        "#);
    }
}
