namespace Quorate.Storage.Files;

/// <summary>The two kinds of file lock that etcd takes; they do not see each other (spec 05 §1.2).</summary>
public enum LockKind
{
    /// <summary>flock, on the database.</summary>
    Whole,

    /// <summary>An open-file-description record lock over the whole file, on segments of the log.</summary>
    Record,
}
