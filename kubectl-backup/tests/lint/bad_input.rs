//! What users hand over that cannot be judged: the words say what it was, and nothing passes by mistake.

use std::{
    fs::OpenOptions,
    os::unix::{fs::symlink, process::ExitStatusExt as _},
    process::{Command, Stdio},
    time::Duration,
};

use crate::process::{BAD_POD, Folder, ended_within};

#[test]
fn what_is_not_there_is_named() {
    let folder = Folder::new();
    folder.lint(&["-f", "nosuch.yaml"]).ends_with(1).says("error: the path nosuch.yaml does not exist");
    folder.lint(&["-f", ""]).ends_with(2).says("a value is required for '--filename");
    folder.lint(&["-k", "."]).ends_with(1).says("failed to run kubectl kustomize .").says("kustomize build DIR | ");
    folder.lint(&["-A"]).ends_with(1).says("no cluster to talk to");
    folder.lint(&["--live", "-f", "x"]).ends_with(1).says("no cluster to talk to");
    folder.lint(&[]).ends_with(2).says("lint what?").says("-A");
}

#[test]
fn what_contradicts_itself_is_a_usage_error() {
    let folder = Folder::new();
    folder.write("web.yaml", BAD_POD);
    folder.lint(&["-A", "-f", "web.yaml"]).ends_with(2).says("cannot be used with");
    folder.lint(&["-R"]).ends_with(2).says("--filename");
    folder.lint(&["-f", "-", "-f", "-"]).ends_with(2).says("-f - is given twice");
    folder.lint(&["-A", "--fix"]).ends_with(2);
    folder.lint(&["-A", "-o", "sarif"]).ends_with(2).says("use -o json");
    folder.lint(&["-f", "web.yaml", "-o", "table"]).ends_with(2).says("allowed formats are: ");
    folder.lint(&["-f", "web.yaml", "--severity", "bad"]).ends_with(2).says("possible values");
    folder.lint(&["-f", "https://example.org/web.yaml"]).ends_with(2).says("downloads nothing");
}

#[test]
fn what_is_no_manifest_is_a_finding_or_an_error() {
    let folder = Folder::new();
    folder.write("broken.yaml", "a: [b\n");
    folder.write("binary.yaml", b"\x00\x01\xff\xfe");
    folder.write("words.yaml", "hello\n");
    let run = folder.lint(&["-f", "broken.yaml"]).ends_with(3);
    assert!(run.stdout.contains("error[BKP001]") && run.stdout.contains("--> broken.yaml:1:4"), "{}", run.stdout);
    folder.lint(&["-f", "binary.yaml"]).ends_with(1).says("binary.yaml is no text in UTF-8").says("Save it as UTF-8");
    // As when a page with an error was downloaded.
    let run = folder.lint(&["-f", "words.yaml"]).ends_with(3);
    assert!(run.stdout.contains("this is no object") && run.stdout.contains("--> words.yaml:1:1"), "{}", run.stdout);
}

/// A generator that printed nothing, in a pipe: that must not look as if all were well.
#[test]
fn nothing_to_look_at_is_no_success() {
    let folder = Folder::new();
    folder.lint(&["-f", "-"]).ends_with(1).says("there is no object in what was read");
    folder.write("empty.yaml", "---\n# nothing\n---\n");
    folder.lint(&["-f", "empty.yaml"]).ends_with(1).says("there is no object in what was read");
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    folder.lint(&["-R", "-f", "folder"]).ends_with(1).says("folder has no manifests").says(".yaml");
}

#[test]
fn what_is_too_large_is_not_read_to_its_end() {
    let folder = Folder::new();
    let large = vec![b'#'; 100_000_000];
    folder.lint_with(&["-f", "-"], &large).ends_with(1).says("the standard input is larger than 16 MiB");
    folder.write("large.yaml", large);
    folder.lint(&["-f", "large.yaml"]).ends_with(1).says("large.yaml is larger than 16 MiB").says("split it");
}

#[test]
fn links_lead_in_no_circle() {
    let folder = Folder::new();
    folder.write("shop/web.yaml", BAD_POD);
    symlink(".", folder.path().join("shop/again")).unwrap();
    symlink("..", folder.path().join("shop/above.yaml")).unwrap();
    let run = folder.lint(&["-R", "-f", "shop", "-o", "name"]).ends_with(3);
    assert_eq!(run.stdout, "pod/web\n");
    symlink("itself.yaml", folder.path().join("itself.yaml")).unwrap();
    folder.lint(&["-f", "itself.yaml"]).ends_with(1).says("failed to read itself.yaml: ");
}

/// A pipe in a folder has no end; one that is named is read, as shells hand over `<(helm template)`.
#[test]
fn a_pipe_is_read_only_when_it_is_named_and_can_be_interrupted() {
    let folder = Folder::new();
    folder.write("shop/web.yaml", BAD_POD);
    for pipe in ["shop/pipe.yaml", "pipe"] {
        assert!(Command::new("mkfifo").arg(folder.path().join(pipe)).status().unwrap().success());
    }
    folder.lint(&["-R", "-f", "shop"]).ends_with(3);
    // Several times: handlers are there before the wait for the pipe begins, or after.
    for _ in 0..8 {
        let mut child = folder.command(&["-f", "pipe"]).stdin(Stdio::null()).spawn().unwrap();
        let writer = OpenOptions::new().write(true).open(folder.path().join("pipe")).unwrap();
        let sent = Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let ended = ended_within(&mut child, Duration::from_secs(60));
        drop(writer);
        let status = ended.expect("an interrupted command ends");
        // By itself, or by the signal when that came before anything else.
        assert!(status.code() == Some(130) || status.signal().is_some(), "{status}");
    }
}
