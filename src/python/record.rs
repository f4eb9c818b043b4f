//! `RECORD`: which files a distribution has, with their digests
//! ([recording installed projects](https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file)).
