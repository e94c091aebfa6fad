namespace Quorate.Storage.Bolt;

/// <summary>The flags of a page; exactly one is set.</summary>
internal enum PageKind : ushort
{
    Branch = 0x01,
    Leaf = 0x02,
    Meta = 0x04,
    FreeList = 0x10,
}
