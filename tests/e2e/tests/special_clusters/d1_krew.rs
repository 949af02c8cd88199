//! D1: real krew installs the plugin from an index on this machine, and kubectl runs it.

use std::{env, process::Command};

use e2e_tests::Run;

#[test]
fn d1_krew_installs_the_plugin_and_kubectl_runs_it() {
    let xtask = env::var_os("KUBECTL_BACKUP_XTASK").expect("run these tests with cargo xtask test");
    let mut check = Command::new(xtask);
    check.args(["krew", "check", "--profile", "dev"]);
    Run::of(check, None).ok();
}
