namespace Quorate.Mvcc.Indexing;

/// <summary>The place of a change in the history: a transaction, and the change's number in it.</summary>
public readonly record struct Revision(long Main, int Sub, bool IsTombstone) : IComparable<Revision>
{
    public int CompareTo(Revision other) => Main != other.Main ? Main.CompareTo(other.Main) : Sub.CompareTo(other.Sub);
}
