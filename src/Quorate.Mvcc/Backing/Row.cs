namespace Quorate.Mvcc.Backing;

/// <summary>A stored version of a key: the bytes of its mvccpb.KeyValue, where they lie. Valid as long as the view that it came from.</summary>
public readonly unsafe struct Row
{
    private readonly byte[]? _array;
    private readonly byte* _pointer;
    private readonly int _length;

    public Row(byte[] bytes)
    {
        _array = bytes;
        _length = bytes.Length;
    }

    /// <param name="mapped">Bytes in the file's mapping, which does not move.</param>
    public Row(ReadOnlySpan<byte> mapped)
    {
        _pointer = (byte*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref System.Runtime.InteropServices.MemoryMarshal.GetReference(mapped));
        _length = mapped.Length;
    }

    public int Length => _length;

    public ReadOnlySpan<byte> Span => _array is not null ? _array : new ReadOnlySpan<byte>(_pointer, _length);
}
