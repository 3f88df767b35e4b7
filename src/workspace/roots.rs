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
    /// The data folder, out of reach wherever it lies: keys, the catalog and others' sheets are in it.
    own: Option<PathBuf>,
}

impl Roots {
    /// `named`: folders or single files, which must exist. `home`: the user's home folder, of which the dot-folders stay
    /// out of reach.
    pub fn new(named: &[PathBuf], home: Option<&Path>) -> Result<Roots, Fault> {
        let named = named.iter().map(|path| canonical(path)).collect::<Result<_, _>>()?;
        Ok(Roots { named, home: home.and_then(|home| home.canonicalize().ok()), ..Roots::default() })
    }

    /// Paths may start with `~` for this folder.
    #[must_use]
    pub fn with_tilde(self, home: Option<PathBuf>) -> Roots {
        Roots { tilde: home, ..self }
    }

    /// Keeps the data folder out of reach, but for what `quire doctor --repair` has set aside in it.
    #[must_use]
    pub fn without(self, data_dir: &Path) -> Roots {
        Roots { own: data_dir.canonicalize().ok(), ..self }
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
        if self.is_own(&found) {
            return Err(own(path));
        }
        if self.contains(&found) { Ok(found) } else { Err(outside()) }
    }

    /// The path of a file that need not exist, its folder without links and dots, if a file may be written there.
    ///
    /// Fails with `path_not_allowed`, and with `file_not_found` where there is no such folder. Names that start with a
    /// dot are refused in any root: such files configure programs. A root that is a single file gives no folder to
    /// write to.
    pub fn allow_new(&self, path: &Path) -> Result<PathBuf, Fault> {
        let outside = || {
            Fault::new(
                Code::PathNotAllowed,
                format!("`{}` is outside the folders that Quire may write to", path.display()),
            )
            .hint(format!("it may write to {}; start it with `--root FOLDER` to allow another", self.shown()))
        };
        let Some(name) = path.file_name().filter(|_| !path.as_os_str().as_encoded_bytes().ends_with(b"/")) else {
            return Err(Fault::new(Code::InvalidArguments, format!("`{}` names no file", path.display()))
                .hint("give the full path of a file that ends in its name, such as out.csv"));
        };
        let full = self.expanded(path);
        let named = full.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = match named.canonicalize() {
            Ok(folder) => folder,
            Err(error) if self.may_hold(&full) => {
                return Err(Fault::new(
                    Code::FileNotFound,
                    format!("can't find the folder `{}`: {error}", named.display()),
                )
                .hint("folders are not made: export to one that exists"));
            }
            Err(_) => return Err(outside()),
        };
        if self.is_own(&folder) {
            return Err(own(path));
        }
        let below = self.named.iter().chain(&self.home).filter_map(|root| folder.strip_prefix(root).ok());
        let is_hidden = |part: &std::ffi::OsStr| part.as_encoded_bytes().starts_with(b".");
        let rests: Vec<&Path> = below.collect();
        if rests.is_empty() || !folder.is_dir() {
            return Err(outside());
        }
        let in_sight = |rest: &&Path| !rest.components().any(|part| is_hidden(part.as_os_str()));
        if is_hidden(name) || !rests.iter().any(in_sight) {
            return Err(Fault::new(
                Code::PathNotAllowed,
                format!("`{}` is a dot-file or in a dot-folder; nothing is written there", path.display()),
            )
            .hint("export to a name and a folder without a dot in front"));
        }
        Ok(folder.join(name))
    }

    /// Whether a path without links is inside.
    pub fn contains(&self, path: &Path) -> bool {
        self.named.iter().any(|root| path.starts_with(root))
            || self.home.as_deref().is_some_and(|home| is_plainly_below(home, path))
    }

    fn is_own(&self, path: &Path) -> bool {
        let below = self.own.as_deref().and_then(|own| path.strip_prefix(own).ok());
        below.is_some_and(|below| !below.starts_with("aside"))
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

fn own(path: &Path) -> Fault {
    Fault::new(Code::PathNotAllowed, format!("`{}` is in Quire's own folder", path.display()))
        .hint("the tools reach files in other folders; sheets are read by their names")
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
