/** What the file system's refusals mean, for people. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EEXIST: "something of that name is there already",
  ENOTDIR: "a part of the path is a file, not a folder",
  EISDIR: "it is a folder",
  ENOTEMPTY: "the folder is not empty",
  EACCES: "permission is denied",
  EPERM: "permission is denied",
  EROFS: "the file system can only be read",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file would be too large",
  EIO: "the device reports an error",
  EPIPE: "nobody reads it any more",
  ENXIO: "nothing is there to open",
  EBUSY: "it is in use",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  ELOOP: "its symbolic links go in a circle",
  ENAMETOOLONG: "the name is too long",
  ETXTBSY: "it is in use",
};

/** System calls by what they would have done. */
const VERBS: Readonly<Record<string, string>> = {
  open: "opened",
  read: "read",
  scandir: "read",
  mkdir: "made",
  mkdtemp: "made",
  rename: "moved",
  write: "written",
  rmdir: "removed",
  unlink: "removed",
};

/** Why the file system refused, as a part of a sentence; undefined where the error is none of its own. */
export function fileErrorReason(error: unknown): string | undefined {
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined ? undefined : REASONS[code];
}

/** The same as a sentence that names the file: `/a/b can't be opened: permission is denied.` */
export function describeFileError(error: unknown): string | undefined {
  const { path, syscall = "" } = error as NodeJS.ErrnoException;
  const reason = fileErrorReason(error);
  return reason && `${path ?? "A file"} can't be ${VERBS[syscall] ?? "used"}: ${reason}.`;
}
