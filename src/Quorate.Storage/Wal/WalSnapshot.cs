using Quorate.Raft;

namespace Quorate.Storage.Wal;

/// <summary>A record that says that a snapshot was saved; 3.4 writes none of the configuration.</summary>
public readonly record struct WalSnapshot(ulong Index, ulong Term, ConfState? ConfState);
