//! Real logs: files that lie beside the checkout and are no part of it. Where they are missing, nothing is made of them.

use std::fs;
use std::path::{Path, PathBuf};

/// Small enough that every file comes up, large enough that a block is like its file.
const BLOCK: usize = 64 << 10;

/// A block of each file in turn, in the order of their names, until there are `bytes` bytes or the files are used up; each block
/// ends with a whole line.
pub(super) fn blocks(bytes: usize) -> Option<Vec<u8>> {
    let mut files: Vec<Vec<u8>> = files()
        .iter()
        .filter_map(|path| fs::read(path).ok())
        .collect();
    if files.is_empty() {
        return None;
    }
    let mut text = Vec::with_capacity(bytes + BLOCK);
    let mut at = vec![0; files.len()];
    while text.len() < bytes {
        let before = text.len();
        for (file, at) in files.iter_mut().zip(&mut at) {
            let rest = &file[*at..];
            if rest.is_empty() || text.len() >= bytes {
                continue;
            }
            let block = &rest[..rest.len().min(BLOCK)];
            let whole = block.iter().rposition(|&byte| byte == b'\n');
            let len = whole.map_or(block.len(), |end| end + 1);
            text.extend_from_slice(&block[..len]);
            *at += len;
        }
        if text.len() == before {
            break;
        }
    }
    Some(text)
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/logs");
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    files.sort();
    files
}
