/** What the file system's error codes mean, for people. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EEXIST: "something of that name already exists",
  ENOTDIR: "a part of the path is a file, not a folder",
  EISDIR: "it is a folder",
  ENOTEMPTY: "the folder is not empty",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file would be too large",
  EIO: "the device reported an error",
  EPIPE: "its reader has closed it",
  ENXIO: "there is nothing to open",
  EBUSY: "it is in use",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  ELOOP: "its symbolic links form a loop",
  ENAMETOOLONG: "the name is too long",
  ETXTBSY: "it is in use",
};

/** System calls, as "can't be ..." continues. */
const VERBS: Readonly<Record<string, string>> = {
  open: "opened",
  read: "read",
  scandir: "read",
  mkdir: "created",
  mkdtemp: "created",
  rename: "moved",
  write: "written",
  rmdir: "removed",
  unlink: "removed",
};

/** Why the file system refused, as part of a sentence; undefined for any other error. */
export function fileErrorReason(error: unknown): string | undefined {
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined ? undefined : REASONS[code];
}

/** The same as a sentence that names the file: `/a/b can't be opened: permission denied.` */
export function describeFileError(error: unknown): string | undefined {
  const { path, syscall = "" } = error as NodeJS.ErrnoException;
  const reason = fileErrorReason(error);
  return reason && `${path ?? "A file"} can't be ${VERBS[syscall] ?? "used"}: ${reason}.`;
}
