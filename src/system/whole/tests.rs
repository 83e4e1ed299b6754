use super::*;

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn what_cannot_be_written_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    fs::write(&path, "old").unwrap();
    assert!(write_whole(&path.join("below-a-file"), b"new").is_err());
    assert!(write_whole(folder.path(), b"new").unwrap_err().to_string().contains("not a regular file"));
    let mut dropped = WholeFile::create(&path).unwrap();
    dropped.write_all(b"new").unwrap();
    assert_eq!(names(folder.path()).len(), 2, "written beside it");
    drop(dropped);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    write_whole(&path, b"new").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(names(folder.path()), ["run.json"]);
}

#[test]
fn a_name_may_be_as_long_as_names_can_be() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x".repeat(255), "é".repeat(127)] {
        write_whole(&folder.path().join(&name), b"1").unwrap();
        assert_eq!(fs::read(folder.path().join(&name)).unwrap(), b"1");
    }
}

#[test]
fn several_writers_of_one_file_do_not_meet() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let mut files: Vec<WholeFile> = (0..3).map(|_| WholeFile::create(&path).unwrap()).collect();
    for (n, file) in files.iter_mut().enumerate() {
        write!(file, "{n}").unwrap();
    }
    files.into_iter().for_each(|file| file.finish().unwrap());
    assert_eq!((fs::read_to_string(&path).unwrap(), names(folder.path())), ("2".into(), vec!["a".into()]));
}

#[cfg(unix)]
#[test]
fn links_stay_links_and_modes_stay_modes() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("below")).unwrap();
    fs::write(at("below/file"), "old").unwrap();
    fs::set_permissions(at("below/file"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("below/file", at("link")).unwrap();
    symlink("link", at("link-to-link")).unwrap();
    write_whole(&at("link-to-link"), b"new").unwrap();
    assert!(fs::symlink_metadata(at("link")).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(at("below/file")).unwrap(), "new");
    assert_eq!(fs::metadata(at("below/file")).unwrap().permissions().mode() & 0o777, 0o640);
    // a link to what is not there yet
    symlink("below/later", at("dangling")).unwrap();
    write_whole(&at("dangling"), b"new").unwrap();
    assert_eq!(fs::read_to_string(at("below/later")).unwrap(), "new");
    // links that never end
    symlink("round", at("about")).unwrap();
    symlink("about", at("round")).unwrap();
    assert!(write_whole(&at("round"), b"new").is_err());
}
