//! The steps of the demo.

use anyhow::{Result, ensure};

use super::{shell::Shell, shop};

const ORDERS: &str = "sha256sum /data/orders";
const PICTURES: &str = "sha256sum /media/pictures";

/// Runs them all; each checks what it claims.
pub fn run(shell: &Shell) -> Result<()> {
    application(shell)?;
    hot(shell)?;
    cold_file_system(shell)?;
    cold_copy(shell)?;
    rules(shell)
}

fn application(shell: &Shell) -> Result<()> {
    shell.step("An application: a pod with two volumes, and random bytes in them");
    shell.run("kubectl create namespace shop")?;
    shell.apply("shop.yaml", shop::MANIFESTS)?;
    shell.run("kubectl rollout status -n shop deployment/web --timeout=120s")
}

fn hot(shell: &Shell) -> Result<()> {
    shell.step("Hot backup: a snapshot, then the file is lost, then the snapshot becomes a new claim");
    let orders = checksum(shell, "shop", "deployment/web", ORDERS)?;
    shell.run("kubectl backup snapshot create data --name before -n shop")?;
    shell.run("kubectl exec -n shop deployment/web -- sh -c 'echo oops > /data/orders'")?;
    shell.run("kubectl backup snapshot restore before --to data-restored -n shop")?;
    shell.apply("reader.yaml", &shop::reader("shop", "data-restored"))?;
    shell.run("kubectl wait -n shop pod/read-data-restored --for=condition=Ready --timeout=60s")?;
    same(shell, &orders, &checksum(shell, "shop", "read-data-restored", ORDERS)?)?;
    shell.run("kubectl backup snapshot list -n shop")?;
    shell.remark("The application takes new orders:");
    shell.run("kubectl exec -n shop deployment/web -- sh -c 'head -c 4194304 /dev/urandom > /data/orders'")?;
    Ok(())
}

fn cold_file_system(shell: &Shell) -> Result<()> {
    shell.step("Cold backup to S3: files of the annotated volume, restored into another namespace");
    let orders = checksum(shell, "shop", "deployment/web", ORDERS)?;
    shell.run("kubectl backup create files --namespaces shop --volumes annotated --retention 30d")?;
    shell.run("kubectl backup restore files --name files-copy --namespace-mappings shop:shop-copy")?;
    shell.run("kubectl rollout status -n shop-copy deployment/web --timeout=180s")?;
    same(shell, &orders, &checksum(shell, "shop-copy", "deployment/web", ORDERS)?)
}

fn cold_copy(shell: &Shell) -> Result<()> {
    shell.step("Cold backup to S3: a snapshot whose data are copied, restored into a third namespace");
    let pictures = checksum(shell, "shop", "deployment/web", PICTURES)?;
    shell.run("kubectl backup create copy --namespaces shop --volumes copy --retention 30d")?;
    shell.run("kubectl backup describe copy")?;
    shell.run("kubectl backup restore copy --name copy-moved --namespace-mappings shop:shop-moved")?;
    shell.run("kubectl rollout status -n shop-moved deployment/web --timeout=180s")?;
    same(shell, &pictures, &checksum(shell, "shop-moved", "deployment/web", PICTURES)?)?;
    shell.run("kubectl backup list")
}

fn rules(shell: &Shell) -> Result<()> {
    shell.step("The cluster's rules: an annotation that Velero would silently misread");
    let said = shell.refused(&shell.apply_line("bad-annotation.yaml", shop::BAD_ANNOTATION)?)?;
    ensure!(said.contains("BKP101"), "the refusal does not name its rule");

    shell.step("The cluster's rules: 10 snapshots, not 11");
    for number in 2..=10 {
        shell.run(&format!("kubectl backup snapshot create media --name slot-{number} -n shop"))?;
    }
    let said = shell.refused("kubectl backup snapshot create media --name slot-11 -n shop")?;
    ensure!(said.contains("10/10") && said.contains("shop/before"), "the refusal does not say who holds the slots");

    shell.step("The cluster's rules: 3 schedules, not 4");
    for number in 1..=3 {
        shell.run(&schedule(number))?;
    }
    let said = shell.refused(&schedule(4))?;
    ensure!(said.contains("3/3"), "the refusal does not say how many there are");
    shell.run("kubectl backup quota")
}

fn schedule(number: u8) -> String {
    format!("velero schedule create nightly-{number} --schedule '0 {number} * * *' --include-namespaces shop")
}

fn checksum(shell: &Shell, namespace: &str, pod: &str, command: &str) -> Result<String> {
    let line = shell.read(&format!("kubectl exec -n {namespace} {pod} -- {command}"))?;
    Ok(line.split_whitespace().next().unwrap_or_default().to_owned())
}

fn same(shell: &Shell, expected: &str, found: &str) -> Result<()> {
    println!("written   {expected}\nfound     {found}");
    ensure!(!expected.is_empty() && expected == found, "the bytes differ");
    shell.remark("the same bytes");
    Ok(())
}
