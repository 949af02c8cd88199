//! By which paths API servers call: what tells their calls from those of whoever else reaches the port.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwapOption;
use subtle::{Choice, ConstantTimeEq};

/// A part of a path that only those know who may read the webhook configurations. It has no `Debug` that shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct PathSecret(String);

impl PathSecret {
    /// Bytes of chance in it.
    const BYTES: usize = 32;

    /// A new one.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, rustls::crypto::GetRandomFailed> {
        let mut bytes = [0; Self::BYTES];
        rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes)?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// One that was stored; none when it is too short to be unguessable, or no part of a path.
    pub fn stored(text: &str) -> Option<Self> {
        let sound =
            text.len() >= 2 * Self::BYTES && text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        sound.then(|| Self(text.to_owned()))
    }

    /// For the Secret and the webhook configurations, and nowhere else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PathSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PathSecret")
    }
}

/// The paths that are answered.
#[derive(Debug)]
pub enum Paths {
    /// `/validate` and `/mutate`: somebody else writes the webhook configurations.
    Plain,
    /// The same with one of these behind it; before they are known, none.
    Secret(ArcSwapOption<Vec<PathSecret>>),
}

impl Paths {
    /// Paths with a secret, which are to be told.
    pub fn secret() -> Arc<Self> {
        Arc::new(Self::Secret(ArcSwapOption::default()))
    }

    /// Answers these from now on, and no others.
    pub fn replace(&self, accepted: Vec<PathSecret>) {
        if let Self::Secret(known) = self {
            known.store(Some(Arc::new(accepted)));
        }
    }

    /// Whether a call with this behind `/validate` or `/mutate` comes from one who was told. How long it takes depends on the
    /// length only.
    pub fn admits(&self, behind: Option<&str>) -> bool {
        match (self, behind) {
            (Self::Plain, behind) => behind.is_none(),
            (Self::Secret(_), None) => false,
            (Self::Secret(known), Some(behind)) => {
                let known = known.load();
                let same = |one: &PathSecret| one.0.as_bytes().ct_eq(behind.as_bytes());
                let none = Choice::from(0);
                known.iter().flat_map(|known| known.iter()).fold(none, |any, one| any | same(one)).into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_told_is_admitted() {
        let (one, other) = (PathSecret::generate().expect("chance"), PathSecret::generate().expect("chance"));
        assert!(one != other && one.reveal().len() == 64);
        let paths = Paths::secret();
        assert!(!paths.admits(None) && !paths.admits(Some("")) && !paths.admits(Some(one.reveal())));
        paths.replace(vec![one.clone(), other.clone()]);
        assert!(paths.admits(Some(one.reveal())) && paths.admits(Some(other.reveal())));
        assert!(!paths.admits(None) && !paths.admits(Some("")) && !paths.admits(Some(&one.reveal()[1..])));
        paths.replace(vec![other.clone()]);
        assert!(!paths.admits(Some(one.reveal())) && paths.admits(Some(other.reveal())));
        assert!(Paths::Plain.admits(None) && !Paths::Plain.admits(Some(one.reveal())));
    }

    #[test]
    fn it_is_read_as_it_was_stored_and_never_shown() {
        let one = PathSecret::generate().expect("chance");
        assert_eq!(PathSecret::stored(one.reveal()), Some(one.clone()));
        for bad in ["", "abc", &"x".repeat(64), &format!("{}/", one.reveal()), &"a".repeat(257)] {
            assert_eq!(PathSecret::stored(bad), None, "{bad}");
        }
        assert!(!format!("{one:?}").contains(one.reveal()));
    }
}
