using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Threading.Channels;
using Quorate.Raft;

namespace Quorate.Server.Peers;

/// <summary>
/// Another member: the two streams that it dialled, the two that are dialled to it, and single posts for what finds no stream
/// (spec 04 §5.4).
/// </summary>
internal sealed class Peer : IAsyncDisposable
{
    private const int PipelineQueue = 64, PipelineWorkers = 4;

    private static readonly TimeSpan s_redialInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_readTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_probeInterval = TimeSpan.FromSeconds(4), s_tellInterval = TimeSpan.FromSeconds(30);

    private readonly PeerTransport _transport;
    private readonly CancellationTokenSource _stopped = new();
    private readonly Channel<Message> _pipeline = Channel.CreateBounded<Message>(PipelineQueue);
    private readonly List<Task> _tasks = [];
    private readonly Lock _lock = new();
    private readonly PeerCounters _counters;
    private IReadOnlyList<string> _urls;
    private int _url;
    private OutgoingStream? _appends;
    private OutgoingStream? _messages;
    private long _activeSince;

    /// <param name="isRemote">Not known as a member yet: it is only posted to.</param>
    public Peer(PeerTransport transport, ulong id, IReadOnlyList<string> urls, bool isRemote)
    {
        _transport = transport;
        _urls = urls;
        Id = id;
        IsRemote = isRemote;
        _counters = new PeerCounters(transport.Metrics, transport.Identity.Id, id);
        for (int worker = 0; worker < PipelineWorkers; worker++)
        {
            _tasks.Add(Task.Run(PostAllAsync));
        }

        if (!isRemote)
        {
            _tasks.Add(Task.Run(() => DialAsync("msgapp", isAppendStream: true)));
            _tasks.Add(Task.Run(() => DialAsync("message", isAppendStream: false)));
            _tasks.Add(Task.Run(ProbeAsync));
        }
    }

    public ulong Id { get; }

    public bool IsRemote { get; }

    public IReadOnlyList<string> Urls
    {
        get => Volatile.Read(ref _urls);
        set => Volatile.Write(ref _urls, value);
    }

    /// <summary>The URL that worked last, or is to be tried next.</summary>
    public string Url => Urls is { Count: > 0 } urls ? urls[(int)((uint)Volatile.Read(ref _url) % (uint)urls.Count)] : "";

    public DateTimeOffset? ActiveSince => Interlocked.Read(ref _activeSince) is > 0 and long ticks ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;

    public void SetActive()
    {
        if (Interlocked.CompareExchange(ref _activeSince, _transport.Time.GetUtcNow().UtcTicks, 0) == 0)
        {
            _counters.CountConnection();
        }
    }

    /// <summary>The peer failed: the next of its URLs is tried.</summary>
    public void SetInactive()
    {
        Interlocked.Increment(ref _url);
        if (Interlocked.Exchange(ref _activeSince, 0) != 0)
        {
            _counters.CountDisconnection();
        }
    }

    /// <summary>False if the message was dropped.</summary>
    public bool TrySend(Message message)
    {
        OutgoingStream? messages = Volatile.Read(ref _messages), appends = Volatile.Read(ref _appends);
        OutgoingStream? stream = message.Type == MessageType.App ? appends ?? messages : messages;
        if ((stream is not null && stream.TrySend(message)) || _pipeline.Writer.TryWrite(message))
        {
            return true;
        }

        _counters.SendFailures.Add();
        return false;
    }

    /// <summary>Takes a stream that the peer has dialled in the place of an older one.</summary>
    public OutgoingStream Attach(bool isAppendStream)
    {
        var stream = new OutgoingStream(isAppendStream, _counters.SentBytes);
        SetActive();
        lock (_lock)
        {
            ref OutgoingStream? place = ref isAppendStream ? ref _appends : ref _messages;
            place?.Dispose();
            Volatile.Write(ref place, stream);
        }

        return stream;
    }

    public void Detach(OutgoingStream stream)
    {
        lock (_lock)
        {
            Interlocked.CompareExchange(ref _appends, null, stream);
            Interlocked.CompareExchange(ref _messages, null, stream);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync().ConfigureAwait(false);
        _pipeline.Writer.TryComplete();
        lock (_lock)
        {
            _appends?.Dispose();
            _messages?.Dispose();
        }

        await Task.WhenAll(_tasks).ConfigureAwait(false);
        _stopped.Dispose();
    }

    private async Task PostAllAsync()
    {
        try
        {
            while (await _pipeline.Reader.WaitToReadAsync(_stopped.Token).ConfigureAwait(false))
            {
                while (_pipeline.Reader.TryRead(out Message? message))
                {
                    await PostAsync(message).ConfigureAwait(false);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The peer was removed, or the member stops.
        }
    }

    private async Task PostAsync(Message message)
    {
        try
        {
            using HttpRequestMessage request = _transport.Request(HttpMethod.Post, $"{Url}/raft");
            byte[] body = RaftWire.Encode(message);
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new("application/protobuf");
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(_stopped.Token);
            timeout.CancelAfter(s_readTimeout);
            using HttpResponseMessage response = await _transport.Client.SendAsync(request, timeout.Token).ConfigureAwait(false);
            switch (response.StatusCode)
            {
                case HttpStatusCode.NoContent:
                    _counters.SentBytes.Add(body.Length);
                    SetActive();
                    return;
                case HttpStatusCode.Forbidden:
                    _transport.Handler.ReportRemoved();
                    return;
            }
        }
        catch (Exception error) when (PeerTransport.IsFailure(error))
        {
            _stopped.Token.ThrowIfCancellationRequested();
        }

        _counters.SendFailures.Add();
        SetInactive();
        _transport.Handler.ReportUnreachable(Id);
    }

    /// <summary>Takes the time of a way to the peer and back, now and then, and tells it smoothed.</summary>
    private async Task ProbeAsync()
    {
        const double Weight = 0.125;
        TimeSpan smoothed = TimeSpan.Zero, untold = s_tellInterval - s_probeInterval;
        using var timer = new PeriodicTimer(s_probeInterval, _transport.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopped.Token).ConfigureAwait(false))
            {
                untold += s_probeInterval;
                try
                {
                    long start = _transport.Time.GetTimestamp();
                    using var timeout = CancellationTokenSource.CreateLinkedTokenSource(_stopped.Token);
                    timeout.CancelAfter(s_readTimeout);
                    using HttpResponseMessage response = await _transport.Client.GetAsync($"{Url}/raft/probing", timeout.Token).ConfigureAwait(false);
                    TimeSpan took = _transport.Time.GetElapsedTime(start);
                    smoothed = smoothed == TimeSpan.Zero ? took : smoothed + (Weight * (took - smoothed));
                }
                catch (Exception error) when (PeerTransport.IsFailure(error))
                {
                    continue;
                }

                if (untold >= s_tellInterval)
                {
                    _counters.RoundTrips.Observe(smoothed);
                    untold = TimeSpan.Zero;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The peer was removed, or the member stops.
        }
    }

    private async Task DialAsync(string name, bool isAppendStream)
    {
        while (!_stopped.IsCancellationRequested)
        {
            try
            {
                await ReadStreamAsync(name, isAppendStream).ConfigureAwait(false);
            }
            catch (Exception error) when (PeerTransport.IsFailure(error) || error is FormatException)
            {
                if (_stopped.IsCancellationRequested)
                {
                    return;
                }

                SetInactive();
            }

            try
            {
                await Task.Delay(s_redialInterval, _transport.Time, _stopped.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task ReadStreamAsync(string name, bool isAppendStream)
    {
        using HttpRequestMessage request = _transport.Request(HttpMethod.Get, $"{Url}/raft/stream/{name}/{_transport.Identity.Id:x}");
        request.Headers.TryAddWithoutValidation(PeerHeaders.RaftTo, Id.ToString("x"));
        using var dialling = CancellationTokenSource.CreateLinkedTokenSource(_stopped.Token);
        dialling.CancelAfter(s_readTimeout);
        using HttpResponseMessage response = await _transport.Client
            .SendAsync(request, HttpCompletionOption.ResponseHeadersRead, dialling.Token).ConfigureAwait(false);
        if (response.StatusCode != HttpStatusCode.OK)
        {
            if (response.StatusCode == HttpStatusCode.Gone)
            {
                _transport.Handler.ReportRemoved();
            }

            throw new HttpRequestException($"peer {Id:x} answered {(int)response.StatusCode}");
        }

        SetActive();
        Stream body = await response.Content.ReadAsStreamAsync(_stopped.Token).ConfigureAwait(false);
        PipeReader reader = PipeReader.Create(body, new StreamPipeReaderOptions(bufferSize: 64 * 1024));
        var codec = new AppendStreamCodec();
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(_stopped.Token);
        while (true)
        {
            silence.CancelAfter(s_readTimeout);
            ReadResult read = await reader.ReadAsync(silence.Token).ConfigureAwait(false);
            ReadOnlySequence<byte> bytes = read.Buffer;
            while (isAppendStream
                ? codec.TryRead(ref bytes, Id, _transport.Identity.Id, out Message? message)
                : MessageStreamCodec.TryRead(ref bytes, out message))
            {
                if (message is not null && _transport.MayReceive(message))
                {
                    _transport.Handler.Receive(message);
                }
            }

            _counters.ReceivedBytes.Add(read.Buffer.Length - bytes.Length);
            reader.AdvanceTo(bytes.Start, bytes.End);
            SetActive();
            if (read.IsCompleted)
            {
                return;
            }
        }
    }
}
