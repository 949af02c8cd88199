//! A PVC `data` whose one file is told apart by its bytes, for the tests of rollbacks.

use e2e_tests::{Claim, Namespace, Run};

/// The PVC.
pub struct Ledger<'a> {
    /// Where it is.
    pub shop: &'a Namespace<'a>,
}

impl<'a> Ledger<'a> {
    /// A new one with these bytes.
    pub fn with(shop: &'a Namespace<'a>, bytes: &[u8]) -> Self {
        Claim::block(shop, "data").write("ledger", bytes);
        Self { shop }
    }

    fn claim(&self) -> Claim<'a> {
        Claim::existing(self.shop, "data", "block")
    }

    pub fn write(&self, bytes: &[u8]) {
        self.claim().write("ledger", bytes);
    }

    pub fn read(&self) -> Vec<u8> {
        self.claim().read("ledger")
    }

    pub fn snapshot(&self, name: &str) {
        self.shop.plugin(&["snapshot", "create", "data", "--name", name]).ok();
    }

    pub fn rollback(&self, snapshot: &str, flags: &[&str]) -> Run {
        self.shop.plugin(&[&["snapshot", "rollback", snapshot, "--yes"], flags].concat())
    }

    pub fn field(&self, object: &str, path: &str) -> String {
        self.shop.kubectl(&["get", object, "-o", &format!("jsonpath={path}")])
    }

    pub fn volume(&self) -> String {
        self.field("pvc/data", "{.spec.volumeName}")
    }

    pub fn uid(&self) -> String {
        self.field("pvc/data", "{.metadata.uid}")
    }
}
