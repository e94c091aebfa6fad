namespace Quorate.Raft;

/// <summary>The appends that a member has not acknowledged yet, bounded by number and, softly, by bytes of payload.</summary>
public sealed class Inflights(int maxMessages, ulong maxBytes)
{
    private readonly Queue<(ulong LastIndex, ulong Bytes)> _messages = [];
    private ulong _bytes;

    public int Count => _messages.Count;

    public bool IsFull => _messages.Count >= maxMessages || (maxBytes > 0 && _bytes >= maxBytes);

    public void Add(ulong lastIndex, ulong bytes)
    {
        if (IsFull)
        {
            throw new RaftFatalException("cannot add into a Full inflights");
        }

        _messages.Enqueue((lastIndex, bytes));
        _bytes += bytes;
    }

    /// <summary>Frees all appends whose last entry is not above an index.</summary>
    public void FreeTo(ulong index)
    {
        while (_messages.TryPeek(out (ulong LastIndex, ulong Bytes) oldest) && oldest.LastIndex <= index)
        {
            _messages.Dequeue();
            _bytes -= oldest.Bytes;
        }
    }

    public void Clear()
    {
        _messages.Clear();
        _bytes = 0;
    }
}
