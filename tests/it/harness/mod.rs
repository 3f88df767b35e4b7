//! What the tests stand on: a folder of sheets written as text, and the built binary on a data folder of its own.

mod client;
pub(crate) mod http;
pub(crate) mod model;
pub(crate) mod process;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use self::{
    client::{Client, Era},
    process::until,
};

/// A folder of files, an empty home and an empty data folder; all go when it does.
pub(crate) struct Bench {
    folder: TempDir,
    /// The files' folder without links, as Quire names it.
    files: PathBuf,
}

/// What a command left behind.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        for name in ["files", "home"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let files = folder.path().join("files").canonicalize().unwrap();
        Bench { folder, files }
    }

    /// Adds a file. Its folders are made.
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Bench {
        self.write(name, content);
        self
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.files.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.files.join(name)
    }

    /// Beside `files`, so outside the root.
    pub(crate) fn outside(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Quire on this bench's data folder; nothing of the machine's settings reaches it.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.bare_command(args);
        command.arg("--root").arg(&self.files);
        command
    }

    /// The same without `--root`.
    pub(crate) fn bare_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quire"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("QUIRE_")) {
            command.env_remove(name);
        }
        command.env("HOME", self.home()).env("USERPROFILE", self.home()).current_dir(self.folder.path());
        command.args(args).arg("--data-dir").arg(self.data_dir());
        command
    }

    /// Runs a command to its end, `$FILES` in its arguments filled in, and its output with `$FILES` put back.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        let args: Vec<String> = args.iter().map(|arg| self.filled(arg)).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.ended(self.command(&args).stdin(Stdio::null()))
    }

    pub(crate) fn ended(&self, command: &mut Command) -> Ended {
        let output = command.output().unwrap();
        Ended {
            code: output.status.code(),
            out: self.shown(&String::from_utf8(output.stdout).unwrap()),
            err: self.shown(&String::from_utf8(output.stderr).unwrap()),
        }
    }

    /// `quire call`; a fault is an `Err`.
    pub(crate) fn call(&self, tool: &str, args: &Value) -> Result<Value, Value> {
        let args = self.filled_in(args).to_string();
        let ended = self.ended(self.command(&["call", tool, &args, "--json"]).stdin(Stdio::null()));
        if ended.code == Some(0) {
            Ok(serde_json::from_str(&ended.out).unwrap())
        } else {
            Err(serde_json::from_str(&ended.err).unwrap_or_else(|_| panic!("no fault: {}", ended.err)))
        }
    }

    /// A server, greeted in the newest of the eras with sessions.
    pub(crate) fn serve(&self) -> Client<'_> {
        self.serve_with(&[])
    }

    pub(crate) fn serve_with(&self, flags: &[&str]) -> Client<'_> {
        let mut client = Client::start(self, flags, Era::November2025);
        client.greet();
        client
    }

    /// A server that has imported all the files of the bench, in the order of their names.
    pub(crate) fn serve_files(&self) -> Client<'_> {
        let mut client = self.serve();
        let mut names: Vec<String> =
            fs::read_dir(&self.files).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        for name in names {
            client.call("import_file", &json!({"path": format!("$FILES/{name}")})).unwrap();
        }
        client
    }

    fn filled(&self, text: &str) -> String {
        text.replace("$FILES", &self.files.to_string_lossy())
    }

    fn filled_in(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => json!(self.filled(text)),
            Value::Array(items) => items.iter().map(|item| self.filled_in(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| (key.clone(), self.filled_in(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// Quire's output with the parts that differ from run to run replaced: the files' folder.
    fn shown(&self, text: &str) -> String {
        let files = self.files.to_string_lossy().into_owned();
        let escaped = files.replace('\\', "\\\\");
        text.replace(&escaped, "$FILES")
            .replace(&files, "$FILES")
            .replace("$FILES\\\\", "$FILES/")
            .replace("$FILES\\", "$FILES/")
    }
}

/// A whole result as `query` answers it.
pub(crate) fn page(columns: &[(&str, &str)], rows: Value) -> Value {
    let columns: Value = columns.iter().map(|(name, type_name)| json!({"name": name, "type": type_name})).collect();
    let n_rows = rows.as_array().unwrap().len();
    json!({"columns": columns, "rows": rows, "n_rows": n_rows, "n_total": n_rows, "truncated": false})
}

pub(crate) fn fault(code: &str, message: &str, hint: &str) -> Value {
    if hint.is_empty() {
        json!({"code": code, "message": message})
    } else {
        json!({"code": code, "message": message, "hint": hint})
    }
}

/// The value at a JSON pointer.
#[track_caller]
pub(crate) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer} in {value}"))
}

/// The code of a call's outcome; `ok` where it is none.
pub(crate) fn code_of(outcome: &Result<Value, Value>) -> String {
    match outcome {
        Ok(_) => "ok".to_owned(),
        Err(fault) => at(fault, "/code").as_str().unwrap().to_owned(),
    }
}
