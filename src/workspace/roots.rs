//! Which local files the tools may reach.

use std::path::{Path, PathBuf};

use crate::fault::{Code, Fault};

/// Folders below which files may be read. Symbolic links are followed first: what counts is where a file lies.
#[derive(Debug, Clone, Default)]
pub struct Roots {
    named: Vec<PathBuf>,
    /// The user's home, without its dot-folders.
    home: Option<PathBuf>,
    /// What `~` stands for, whether it may be reached or not.
    tilde: Option<PathBuf>,
}

impl Roots {
    /// `named`: folders or single files, which must exist. `home`: the user's home folder, of which the dot-folders stay
    /// out of reach.
    pub fn new(named: &[PathBuf], home: Option<&Path>) -> Result<Roots, Fault> {
        let named = named.iter().map(|path| canonical(path)).collect::<Result<_, _>>()?;
        Ok(Roots { named, home: home.and_then(|home| home.canonicalize().ok()), tilde: None })
    }

    /// Paths may start with `~` for this folder.
    #[must_use]
    pub fn with_tilde(self, home: Option<PathBuf>) -> Roots {
        Roots { tilde: home, ..self }
    }

    /// The path without links and dots, if it may be reached.
    ///
    /// Fails with `file_not_found` or `path_not_allowed`.
    pub fn allow(&self, path: &Path) -> Result<PathBuf, Fault> {
        let outside = || {
            Fault::new(Code::PathNotAllowed, format!("`{}` is outside the folders that Quire may read", path.display()))
                .hint(format!("it may read {}; start it with `--root FOLDER` to allow another", self.shown()))
        };
        let full = self.expanded(path);
        let found = match canonical(&full) {
            Ok(found) => found,
            // Whether a file exists is not told of places that may not be reached.
            Err(_) if !self.may_hold(&full) => return Err(outside()),
            Err(fault) => return Err(fault),
        };
        if self.contains(&found) { Ok(found) } else { Err(outside()) }
    }

    /// Whether a path without links is inside.
    pub fn contains(&self, path: &Path) -> bool {
        self.named.iter().any(|root| path.starts_with(root))
            || self.home.as_deref().is_some_and(|home| is_plainly_below(home, path))
    }

    /// The path with the home folder for a `~` at its start.
    fn expanded(&self, path: &Path) -> PathBuf {
        match (path.strip_prefix("~"), &self.tilde) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => path.to_owned(),
        }
    }

    /// Like `contains` for a path that does not exist: it would lie in its nearest existing folder.
    fn may_hold(&self, path: &Path) -> bool {
        let Ok(path) = std::path::absolute(path) else { return false };
        path.ancestors()
            .skip(1)
            .find_map(|folder| Some(folder.canonicalize().ok()?.join(path.strip_prefix(folder).ok()?)))
            .is_some_and(|would_be| self.contains(&would_be))
    }

    fn shown(&self) -> String {
        let mut roots: Vec<String> = self.named.iter().map(|root| format!("`{}`", root.display())).collect();
        roots.extend(self.home.iter().map(|home| format!("`{}` without its dot-folders", home.display())));
        if roots.is_empty() { "no local files".to_owned() } else { roots.join(", ") }
    }
}

fn is_plainly_below(home: &Path, path: &Path) -> bool {
    path.strip_prefix(home).is_ok_and(|rest| {
        !rest.as_os_str().is_empty()
            && !rest.components().any(|part| part.as_os_str().as_encoded_bytes().starts_with(b"."))
    })
}

fn canonical(path: &Path) -> Result<PathBuf, Fault> {
    path.canonicalize().map_err(|error| {
        Fault::new(Code::FileNotFound, format!("can't find `{}`: {error}", path.display()))
            .hint("give the full path of a file on the machine that runs Quire, or send its `content`")
    })
}
