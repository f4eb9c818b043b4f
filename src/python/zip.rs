//! Zip files, read as strictly as what comes from elsewhere has to be.
