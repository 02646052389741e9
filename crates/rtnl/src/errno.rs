//! Error numbers as Linux numbers them on every architecture that matters here, with the words of glibc's
//! `strerror`, because those words are what `ip` prints behind "RTNETLINK answers: ".
//! Only numbers that the seam carries are here; any other prints as glibc prints an unknown one.

/// A Linux error number (positive). The source is `include/uapi/asm-generic/errno*.h`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Errno(pub u16);

macro_rules! errnos {
    ($($name:ident $number:literal $text:literal)*) => {
        impl Errno {
            $(#[doc = $text] pub const $name: Errno = Errno($number);)*
        }
        const TEXTS: &[(u16, &str, &str)] = &[$(($number, stringify!($name), $text)),*];
    };
}

errnos! {
    EPERM 1 "Operation not permitted"
    ENOENT 2 "No such file or directory"
    ESRCH 3 "No such process"
    EINTR 4 "Interrupted system call"
    EIO 5 "Input/output error"
    ENXIO 6 "No such device or address"
    E2BIG 7 "Argument list too long"
    EBADF 9 "Bad file descriptor"
    EAGAIN 11 "Resource temporarily unavailable"
    ENOMEM 12 "Cannot allocate memory"
    EACCES 13 "Permission denied"
    EFAULT 14 "Bad address"
    EBUSY 16 "Device or resource busy"
    EEXIST 17 "File exists"
    EXDEV 18 "Invalid cross-device link"
    ENODEV 19 "No such device"
    ENOTDIR 20 "Not a directory"
    EISDIR 21 "Is a directory"
    EINVAL 22 "Invalid argument"
    ENFILE 23 "Too many open files in system"
    EMFILE 24 "Too many open files"
    ENOSPC 28 "No space left on device"
    EMLINK 31 "Too many links"
    EPIPE 32 "Broken pipe"
    ERANGE 34 "Numerical result out of range"
    ENAMETOOLONG 36 "File name too long"
    ENOSYS 38 "Function not implemented"
    ENOTEMPTY 39 "Directory not empty"
    ELOOP 40 "Too many levels of symbolic links"
    EXFULL 54 "Exchange full"
    ENODATA 61 "No data available"
    EPROTO 71 "Protocol error"
    EBADMSG 74 "Bad message"
    EMSGSIZE 90 "Message too long"
    EPROTONOSUPPORT 93 "Protocol not supported"
    EOPNOTSUPP 95 "Operation not supported"
    EPFNOSUPPORT 96 "Protocol family not supported"
    EAFNOSUPPORT 97 "Address family not supported by protocol"
    EADDRINUSE 98 "Address already in use"
    EADDRNOTAVAIL 99 "Cannot assign requested address"
    ENETDOWN 100 "Network is down"
    ENETUNREACH 101 "Network is unreachable"
    ECONNRESET 104 "Connection reset by peer"
    ENOBUFS 105 "No buffer space available"
    EISCONN 106 "Transport endpoint is already connected"
    ENOTCONN 107 "Transport endpoint is not connected"
    ETIMEDOUT 110 "Connection timed out"
    ECONNREFUSED 111 "Connection refused"
    EHOSTUNREACH 113 "No route to host"
    EALREADY 114 "Operation already in progress"
}

impl Errno {
    /// The sentence that glibc's `strerror` gives in the C locale.
    pub fn text(self) -> std::borrow::Cow<'static, str> {
        match TEXTS.iter().find(|row| row.0 == self.0) {
            Some(row) => row.2.into(),
            None => format!("Unknown error {}", self.0).into(),
        }
    }

    /// The symbol, `EINVAL`; none for a number that is not in the list.
    pub fn symbol(self) -> Option<&'static str> {
        TEXTS.iter().find(|row| row.0 == self.0).map(|row| row.1)
    }
}

impl std::fmt::Display for Errno {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text())
    }
}
