namespace Quorate.Client;

/// <summary>What pairs are sorted by.</summary>
public enum SortField
{
    Key,
    Version,
    CreateRevision,
    ModRevision,
    Value,
}
