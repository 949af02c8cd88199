//! Checks that a program runs in an image that holds no library.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use object::elf::{FileHeader64, PT_INTERP};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, ReadCache};

/// Fails unless the program is static.
pub fn require_static(program: &Path) -> Result<()> {
    let what = || format!("look at {}", program.display());
    let file = std::fs::File::open(program).with_context(what)?;
    if let Some(interpreter) = interpreter(&ReadCache::new(file)).with_context(what)? {
        bail!("{} is not static: it asks for {interpreter}, which the image does not hold", program.display());
    }
    Ok(())
}

/// The loader that the program asks for. A static program asks for none, whether position independent or not.
fn interpreter<'a>(data: impl object::ReadRef<'a>) -> Result<Option<String>> {
    let header = FileHeader64::<Endianness>::parse(data)?;
    let endian = header.endian()?;
    for segment in header.program_headers(endian, data)? {
        if segment.p_type(endian) == PT_INTERP {
            let Ok(name) = segment.data(endian, data) else { bail!("its program header is cut off") };
            ensure!(!name.is_empty(), "its program header names an empty loader");
            return Ok(Some(String::from_utf8_lossy(name).trim_end_matches('\0').to_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::require_static;

    #[test]
    fn a_program_that_needs_a_loader_is_refused() {
        // This test itself is linked against the C library.
        let error = require_static(&std::env::current_exe().unwrap()).unwrap_err().to_string();
        assert!(error.contains("is not static: it asks for /lib"), "{error}");
    }

    #[test]
    fn what_is_no_program_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "#!/bin/sh\n").unwrap();
        assert!(require_static(file.path()).is_err());
    }
}
