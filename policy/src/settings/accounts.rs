//! Exempt accounts: each by its name, never all of a kind.

use std::collections::BTreeSet;

use super::{
    node::{Node, shown},
    problem::{Concern, Problems},
};
use crate::config::Accounts;

const COUNT: usize = 32;
const NAME: usize = 253;
/// Names that hold for everybody, or for every program in the cluster.
const EVERYBODY: [&str; 4] =
    ["system:anonymous", "system:authenticated", "system:unauthenticated", "system:serviceaccounts"];

pub(super) fn read(node: &Node<'_>, problems: &mut Problems) -> Accounts {
    let Some(fields) = node.fields(&["users", "groups"], problems) else { return Accounts::default() };
    let mut names = |field| fields.get(field).map(|list| named(&list, problems)).unwrap_or_default();
    Accounts { users: names("users"), groups: names("groups") }
}

fn named(list: &Node<'_>, problems: &mut Problems) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for item in list.items(COUNT, problems) {
        let Some(name) = item.text(NAME, problems) else { continue };
        if EVERYBODY.contains(&name) {
            let message = format!("an exemption for {name} is one for everybody; name the accounts that need it");
            problems.mistake(Concern::Exemptions, item.path, message);
        } else if name.contains('*') {
            let message =
                format!("{:?} is compared as it is: an asterisk stands for nothing; name each account", shown(name));
            problems.mistake(Concern::Exemptions, item.path, message);
        } else if !names.insert(name.to_owned()) {
            problems.mistake(Concern::Exemptions, item.path, format!("{:?} is named twice; remove one", shown(name)));
        }
    }
    names
}
