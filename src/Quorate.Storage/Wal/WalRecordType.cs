namespace Quorate.Storage.Wal;

/// <summary>What a record of the log holds (spec 05 §2.2).</summary>
internal enum WalRecordType : long
{
    Metadata = 1,
    Entry = 2,
    State = 3,
    Checksum = 4,
    Snapshot = 5,
}
