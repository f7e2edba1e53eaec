package awsconf

import (
	"context"
	"io"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// plainBody is a request body that can be read and rewound, and nothing else.
type plainBody struct{ io.ReadSeeker }

const plainBodies = "cmlPlainBodies"

// PlainBodies hides from net/http that a request body could write itself. The
// configurations of a Factory have it; a client that is made from another one
// takes it by its APIOptions. Adding it twice does nothing.
//
// smithy-go 1.28 closes the body as soon as the header of the answer is there,
// and a closed body's WriteTo says io.EOF, which for a WriteTo is an error.
// When the server is quicker than the goroutine that looks for the end of the
// body, net/http takes that error for a broken request and closes the
// connection under the answer: "use of closed network connection". The SDK
// would then launch or stop a second time. A closed body's Read is sound.
func PlainBodies(stack *middleware.Stack) error {
	if _, there := stack.Build.Get(plainBodies); there {
		return nil
	}
	return stack.Build.Add(middleware.BuildMiddlewareFunc(plainBodies,
		func(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
			if request, ok := in.Request.(*smithyhttp.Request); ok {
				if body, ok := request.GetStream().(io.ReadSeeker); ok {
					plain, err := request.SetStream(plainBody{body})
					if err != nil {
						return middleware.BuildOutput{}, middleware.Metadata{}, err
					}
					in.Request = plain
				}
			}
			return next.HandleBuild(ctx, in)
		}), middleware.After)
}
