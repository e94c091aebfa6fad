using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;

namespace Quorate.Server.Api.Gateway;

/// <summary>JSON values one after the other, each given as soon as it is whole.</summary>
internal sealed class JsonValues(PipeReader body, int maxLength)
{
    private bool _isEnded;

    /// <summary>The next value; null at the end, and at anything that is not JSON.</summary>
    public async ValueTask<byte[]?> ReadAsync(CancellationToken cancellation)
    {
        while (!_isEnded)
        {
            ReadResult read = await body.ReadAsync(cancellation);
            if (TryTake(read.Buffer, read.IsCompleted, out byte[]? value, out SequencePosition consumed))
            {
                body.AdvanceTo(consumed);
                return value;
            }

            _isEnded |= read.IsCompleted || read.Buffer.Length > maxLength;
            body.AdvanceTo(consumed, read.Buffer.End);
        }

        return null;
    }

    private bool TryTake(ReadOnlySequence<byte> bytes, bool isLast, out byte[]? value, out SequencePosition consumed)
    {
        value = null;
        consumed = bytes.Start;
        var reader = new Utf8JsonReader(bytes, isLast, new JsonReaderState(new JsonReaderOptions { AllowMultipleValues = true }));
        try
        {
            if (!reader.Read())
            {
                return false;
            }

            long start = reader.TokenStartIndex;
            if (!reader.TrySkip())
            {
                return false;
            }

            consumed = bytes.GetPosition(reader.BytesConsumed);
            value = bytes.Slice(start, reader.BytesConsumed - start).ToArray();
            return true;
        }
        catch (JsonException)
        {
            _isEnded = true;
            return false;
        }
    }
}
