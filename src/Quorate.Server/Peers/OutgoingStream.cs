using System.IO.Pipelines;
using System.Threading.Channels;
using Quorate.Raft;

namespace Quorate.Server.Peers;

/// <summary>
/// A stream that a peer has dialled, on which it gets our messages. What does not fit into the queue is not taken.
/// </summary>
internal sealed class OutgoingStream(bool isAppendStream, Operations.Metrics.Counter sentBytes) : IDisposable
{
    private const int QueueLength = 4096;
    private const int MaxUnflushed = 256 * 1024;

    private static readonly TimeSpan s_heartbeatInterval = TimeSpan.FromSeconds(5.0 / 3);

    private readonly Channel<Message> _queue = Channel.CreateBounded<Message>(new BoundedChannelOptions(QueueLength) { SingleReader = true });
    private readonly CancellationTokenSource _closed = new();

    public bool TrySend(Message message) => _queue.Writer.TryWrite(message);

    /// <summary>Writes until the peer goes, or another stream takes this one's place.</summary>
    public async Task RunAsync(PipeWriter writer, TimeProvider time, CancellationToken aborted)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(aborted, _closed.Token);
        var codec = new AppendStreamCodec();
        try
        {
            while (true)
            {
                using (var idle = new CancellationTokenSource(s_heartbeatInterval, time))
                using (var waiting = CancellationTokenSource.CreateLinkedTokenSource(ended.Token, idle.Token))
                {
                    try
                    {
                        if (!await _queue.Reader.WaitToReadAsync(waiting.Token).ConfigureAwait(false))
                        {
                            return;
                        }
                    }
                    catch (OperationCanceledException) when (!ended.IsCancellationRequested)
                    {
                        WriteHeartbeat(writer);
                    }
                }

                while (writer.UnflushedBytes < MaxUnflushed && _queue.Reader.TryRead(out Message? message))
                {
                    if (isAppendStream)
                    {
                        codec.Write(writer, message);
                    }
                    else
                    {
                        MessageStreamCodec.Write(writer, message);
                    }
                }

                sentBytes.Add(writer.UnflushedBytes);
                FlushResult flushed = await writer.FlushAsync(ended.Token).ConfigureAwait(false);
                if (flushed.IsCompleted)
                {
                    return;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The peer went, or was removed.
        }
        catch (IOException)
        {
            // The connection broke.
        }
        finally
        {
            _queue.Writer.TryComplete();
        }
    }

    public void Dispose()
    {
        _queue.Writer.TryComplete();
        _closed.Cancel();
    }

    private void WriteHeartbeat(PipeWriter writer)
    {
        if (isAppendStream)
        {
            AppendStreamCodec.WriteHeartbeat(writer);
        }
        else
        {
            MessageStreamCodec.WriteHeartbeat(writer);
        }
    }
}
