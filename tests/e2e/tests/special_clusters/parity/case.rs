//! The cases of `tests/parity`: a manifest with what it expects in its first lines.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A way into the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// `kubectl backup lint`, without the cluster.
    Lint,
    /// `kubectl backup lint --live`, which asks the cluster for what the webhook asks it for.
    Live,
    /// The webhook's own port.
    Review,
    /// kubectl and the API server.
    Apply,
}

impl Door {
    pub const ALL: [Self; 4] = [Self::Lint, Self::Live, Self::Review, Self::Apply];

    fn word(self) -> &'static str {
        match self {
            Self::Lint => "lint",
            Self::Live => "live",
            Self::Review => "review",
            Self::Apply => "apply",
        }
    }
}

/// What a door is expected to find: severities and codes, or that it refuses the manifest for a reason of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    pub codes: BTreeSet<String>,
    pub refused: Option<String>,
}

/// A manifest, what it replaces, and what it expects.
#[derive(Debug)]
pub struct Case {
    pub name: String,
    pub file: PathBuf,
    pub old: Option<PathBuf>,
    /// The namespace that it needs, when it is not the one of most cases.
    pub namespace: Option<String>,
    /// Whether kubectl creates it, because it cannot be applied.
    pub is_created: bool,
    finds: Expected,
    differences: BTreeMap<&'static str, Expected>,
}

impl Case {
    /// Every case of the corpus.
    pub fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../parity");
        let mut files = Vec::new();
        for folder in fs::read_dir(&root).expect("the corpus").map(|entry| entry.expect("an entry").path()) {
            if folder.is_dir() {
                files.extend(fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()));
            }
        }
        let is_manifest = |file: &PathBuf| file.extension().is_some_and(|it| it == "yaml" || it == "json");
        files.retain(|file| is_manifest(file) && !file.to_string_lossy().contains(".old."));
        files.sort();
        files.into_iter().map(|file| Self::read(&root, file)).collect()
    }

    fn read(root: &Path, file: PathBuf) -> Self {
        let name = file.strip_prefix(root).expect("below the root").display().to_string();
        let extension = file.extension().and_then(|it| it.to_str()).unwrap_or_default().to_owned();
        let old = file.with_extension(format!("old.{extension}"));
        // JSON has no comments, so that what such a case expects stands beside it.
        let beside = file.with_extension("expect");
        let header = if extension == "json" { beside } else { file.clone() };
        let text = fs::read(&header).unwrap_or_else(|error| panic!("{}: {error}", header.display()));
        let text = String::from_utf8_lossy(&text);
        let mut case = Self {
            name,
            old: old.exists().then_some(old),
            file,
            namespace: None,
            is_created: false,
            finds: Expected::default(),
            differences: BTreeMap::new(),
        };
        let mut said = false;
        for line in
            text.lines().map(|line| line.trim_start_matches('\u{feff}')).take_while(|line| line.starts_with('#'))
        {
            if let Some(rest) = line.strip_prefix("# finds: ") {
                case.finds = expected(rest);
                said = true;
            }
            if let Some(namespace) = line.strip_prefix("# in: ") {
                case.namespace = Some(namespace.to_owned());
            }
            case.is_created |= line.starts_with("# apply creates because ");
            for door in Door::ALL {
                if let Some(rest) = line.strip_prefix(&format!("# {} differs: ", door.word())) {
                    let (codes, reason) = rest.rsplit_once(" because ").unwrap_or((rest, ""));
                    assert!(!reason.is_empty(), "{}: a difference needs its reason", case.name);
                    case.differences.insert(door.word(), expected(codes));
                }
            }
        }
        assert!(said, "{} does not say what it expects", case.name);
        case
    }

    /// The codes that both doors are expected to find, of whatever weight.
    pub fn shared(&self, one: Door, other: Door) -> BTreeSet<&str> {
        let codes =
            |door| self.expected(door).codes.iter().filter_map(|code| code.split(' ').nth(1)).collect::<BTreeSet<_>>();
        codes(one).intersection(&codes(other)).copied().collect()
    }

    /// Whether that door finds something else than the others.
    pub fn differs(&self, door: Door) -> bool {
        self.differences.contains_key(door.word())
    }

    /// What a door is expected to find.
    pub fn expected(&self, door: Door) -> &Expected {
        self.differences.get(door.word()).unwrap_or(&self.finds)
    }
}

fn expected(text: &str) -> Expected {
    if let Some(text) = text.strip_prefix("refused ") {
        return Expected { refused: Some(text.trim_matches('"').to_owned()), ..Expected::default() };
    }
    let codes = text.split(',').map(|code| code.trim().to_owned()).filter(|code| code != "nothing").collect();
    Expected { codes, refused: None }
}
